import type { Message } from '../../hub';
import { texts } from '../texts';
import { useNavigation } from './navigation';
import { usePeople } from './people';
import { notificationPermission, useSettings } from './settings';

/** A backlog after an absence rings once. */
const quietFor = 2000;
const visibleLock = 'hubbub.visible';
let lastSound = 0;

/** Lets the other tabs know while this one is seen: they stay quiet then. */
export function tellVisibility(): void {
  if (!('locks' in navigator)) return;
  let release: (() => void) | undefined;
  const update = () => {
    release?.();
    release = undefined;
    if (document.visibilityState !== 'visible') return;
    const hidden = new Promise<void>((resolve) => (release = resolve));
    void navigator.locks.request(visibleLock, { mode: 'shared' }, () => hidden);
  };
  document.addEventListener('visibilitychange', update);
  update();
}

/** Draws attention to a message from somebody, as far as one wants that. */
export function notify(message: Message): void {
  const { sound, notifications } = useSettings.getState();
  if (!sound && !notifications) return;
  const { route } = useNavigation.getState();
  const isOpen = route?.page === 'conversation' && route.userId === message.senderId;
  if (isOpen && document.visibilityState === 'visible' && document.hasFocus()) return;
  void onceAmongTabs(message._id, () => {
    if (sound) beep();
    if (notifications && document.visibilityState === 'hidden') show(message);
  });
}

/** Of all tabs that get a message one does it: a visible one if there is one. */
async function onceAmongTabs(id: string, act: () => void): Promise<void> {
  if (!('locks' in navigator)) {
    act();
    return;
  }
  if (document.visibilityState === 'hidden') {
    const { held = [] } = await navigator.locks.query();
    if (held.some((lock) => lock.name === visibleLock)) return;
  }
  await navigator.locks.request(`hubbub.notify.${id}`, { ifAvailable: true }, async (lock) => {
    if (lock === null) return;
    act();
    // Held until the other tabs have surely got the message, too.
    await new Promise((resolve) => setTimeout(resolve, 5000));
  });
}

function show(message: Message): void {
  if (notificationPermission() !== 'granted') return;
  const person = usePeople.getState().people.get(message.senderId);
  try {
    const notification = new Notification(person?.fullName ?? texts.name, {
      body: message.text ?? texts.list.photo,
      icon: person?.profilePic || '/favicon.svg',
      tag: message.senderId,
    });
    notification.onclick = () => {
      window.focus();
      useNavigation.getState().go({ page: 'conversation', userId: message.senderId });
      notification.close();
    };
  } catch {
    // Browsers of phones have the constructor but refuse it.
    return;
  }
}

/** A short, soft tone. */
export function beep(): void {
  // Browsers stay silent until somebody has done something on the page.
  if (!navigator.userActivation.hasBeenActive) return;
  const now = Date.now();
  if (now - lastSound < quietFor) return;
  lastSound = now;
  const context = new AudioContext();
  const gain = new GainNode(context, { gain: 0 });
  const tone = new OscillatorNode(context, { type: 'sine', frequency: 660 });
  const start = context.currentTime;
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(0.12, start + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.001, start + 0.35);
  tone.frequency.setValueAtTime(880, start + 0.09);
  tone.connect(gain).connect(context.destination);
  tone.start();
  tone.stop(start + 0.36);
  tone.onended = () => void context.close();
}
