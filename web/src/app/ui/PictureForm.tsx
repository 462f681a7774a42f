import { useRef, useState } from 'react';
import { cutPicture, decode } from '../draw';
import { imageTypes } from '../logic/images';
import type { Crop } from '../logic/crop';
import { wordsFor } from '../state/api';
import { useSession, type Self } from '../state/session';
import { texts } from '../texts';
import { Avatar } from './Avatar';
import { CropDialog } from './CropDialog';

interface Picked {
  bitmap: ImageBitmap;
  url: string;
}

/** My picture, and how to change it: pick, crop, use. */
export function PictureForm({ me }: { me: Self }) {
  const updateProfile = useSession((session) => session.updateProfile);
  const button = useRef<HTMLButtonElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const [picked, setPicked] = useState<Picked>();
  const [error, setError] = useState<string>();

  const pick = async (file: File | undefined) => {
    setError(undefined);
    if (file === undefined) return;
    const bitmap = await decode(file);
    if (bitmap === undefined) setError(texts.profile.notAnImage);
    else setPicked({ bitmap, url: URL.createObjectURL(file) });
  };
  const drop = () => {
    if (picked === undefined) return;
    picked.bitmap.close();
    URL.revokeObjectURL(picked.url);
    setPicked(undefined);
    button.current?.focus();
  };
  /** Answers what went wrong, in words. */
  const use = async (crop: Crop): Promise<string | undefined> => {
    if (picked === undefined) return undefined;
    const profilePic = await cutPicture(picked.bitmap, crop);
    if (profilePic === undefined) return texts.profile.notAnImage;
    try {
      await updateProfile({ profilePic });
      return undefined;
    } catch (failure) {
      return wordsFor(failure);
    }
  };

  return (
    <div className="picture-form">
      <Avatar id={me._id} name={me.fullName} picture={me.profilePic} size="huge" />
      <div>
        <button ref={button} type="button" className="button" onClick={() => picker.current?.click()}>
          {me.profilePic === '' ? texts.profile.choose : texts.profile.change}
        </button>
        <input
          ref={picker}
          type="file"
          hidden
          accept={imageTypes.join(',')}
          aria-label={texts.profile.picture}
          onChange={({ currentTarget: field }) => {
            void pick(field.files?.[0]);
            field.value = '';
          }}
        />
        {error !== undefined && (
          <p className="field-error" role="alert">
            {error}
          </p>
        )}
      </div>
      {picked !== undefined && <CropDialog url={picked.url} size={picked.bitmap} onUse={use} onClose={drop} />}
    </div>
  );
}
