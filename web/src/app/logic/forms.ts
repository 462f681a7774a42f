import { texts } from '../texts';

/** What is wrong with the fields of a form, in words. */
export type Problems = Partial<Record<'fullName' | 'email' | 'password', string | undefined>>;

/** What is wrong with a name, if anything. */
export function nameProblem(name: string): string | undefined {
  return name.trim() === '' ? texts.auth.needName : undefined;
}

/** What is wrong with an address, if it is plain to see; the hub has the last word. */
export function emailProblem(email: string): string | undefined {
  if (email === '') return texts.auth.needEmail;
  return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email) ? undefined : texts.auth.badEmail;
}

/** What is wrong with a password, if anything. An existing one only has to be there. */
export function passwordProblem(password: string, isNew: boolean): string | undefined {
  if (password === '') return texts.auth.needPassword;
  return isNew && password.length < 6 ? texts.auth.shortPassword : undefined;
}
