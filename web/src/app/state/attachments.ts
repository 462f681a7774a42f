import { create } from 'zustand';
import { prepareImage, type Prepared } from '../draw';
import { texts } from '../texts';

/** Photos that can wait to be sent in one conversation. */
export const maxAttachments = 10;

interface AttachmentsState {
  /** Photos that were picked but not sent, by the id of the other person. */
  attachments: Readonly<Record<string, readonly Prepared[]>>;
  errors: Readonly<Record<string, string | undefined>>;
  add: (userId: string, files: readonly File[]) => Promise<void>;
  remove: (userId: string, id: string) => void;
  clear: () => void;
}

/** Photos that were picked but not sent. */
export const useAttachments = create<AttachmentsState>()((set, get) => {
  const put = (userId: string, list: readonly Prepared[]) => set({ attachments: { ...get().attachments, [userId]: list } });
  const fail = (userId: string, error: string | undefined) => set({ errors: { ...get().errors, [userId]: error } });
  return {
    attachments: {},
    errors: {},
    add: async (userId, files) => {
      fail(userId, undefined);
      for (const file of files) {
        if ((get().attachments[userId]?.length ?? 0) >= maxAttachments) {
          fail(userId, texts.composer.tooMany(maxAttachments));
          return;
        }
        const prepared = await prepareImage(file);
        if (typeof prepared === 'string') fail(userId, texts.composer[prepared](file.name));
        else put(userId, [...(get().attachments[userId] ?? []), prepared]);
      }
    },
    remove: (userId, id) => {
      fail(userId, undefined);
      put(
        userId,
        (get().attachments[userId] ?? []).filter((image) => image.id !== id),
      );
    },
    clear: () => set({ attachments: {}, errors: {} }),
  };
});
