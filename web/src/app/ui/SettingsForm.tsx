import { useId, useState } from 'react';
import { beep } from '../state/notify';
import { notificationPermission, useSettings } from '../state/settings';
import { texts } from '../texts';

/** What draws attention to new messages on this device. */
export function SettingsForm() {
  const { sound, notifications, set } = useSettings();
  const [permission, setPermission] = useState(notificationPermission);
  const { profile } = texts;

  const toggleNotifications = async (on: boolean) => {
    if (!on || permission === 'missing') {
      set({ notifications: false });
      return;
    }
    const answer = permission === 'default' ? await Notification.requestPermission() : permission;
    setPermission(answer);
    set({ notifications: answer === 'granted' });
  };

  const problem = { missing: profile.notificationsMissing, denied: profile.notificationsDenied, granted: undefined, default: undefined }[
    permission
  ];
  return (
    <section className="settings" aria-labelledby="settings-title">
      <h2 id="settings-title">{profile.settings}</h2>
      <Switch
        label={profile.sound}
        hint={profile.soundHint}
        on={sound}
        onChange={(on) => {
          set({ sound: on });
          if (on) beep();
        }}
      />
      <Switch
        label={profile.notifications}
        hint={problem ?? profile.notificationsHint}
        on={notifications && permission === 'granted'}
        disabled={permission === 'missing' || permission === 'denied'}
        onChange={(on) => void toggleNotifications(on)}
      />
    </section>
  );
}

interface SwitchProps {
  label: string;
  hint: string;
  on: boolean;
  disabled?: boolean;
  onChange: (on: boolean) => void;
}

function Switch({ label, hint, on, disabled = false, onChange }: SwitchProps) {
  const id = useId();
  return (
    <div className="switch">
      <label htmlFor={id}>{label}</label>
      <p id={`${id}-hint`} className="muted">
        {hint}
      </p>
      <input
        id={id}
        type="checkbox"
        role="switch"
        checked={on}
        disabled={disabled}
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChange(event.target.checked)}
      />
    </div>
  );
}
