import { expect, test } from 'vitest';
import { en, pickTexts } from '../texts';
import { emailProblem, nameProblem, passwordProblem } from './forms';

test('what is missing is asked for', () => {
  expect([nameProblem('  '), emailProblem(''), passwordProblem('', false)]).toEqual([
    en.auth.needName,
    en.auth.needEmail,
    en.auth.needPassword,
  ]);
});

test('an address needs a name, an at sign and a host', () => {
  for (const wrong of ['ada', 'ada@', '@example.org', 'ada@example', 'a da@example.org'])
    expect(emailProblem(wrong)).toBe(en.auth.badEmail);
  expect(emailProblem('ada+hub@mail.example.org')).toBeUndefined();
});

test('a new password has a minimum length, an existing one is as it is', () => {
  expect(passwordProblem('short', true)).toBe(en.auth.shortPassword);
  expect(passwordProblem('short', false)).toBeUndefined();
});

test('texts are of the first language that there is, and English otherwise', () => {
  expect(pickTexts(['tlh', 'en-GB'])).toBe(en);
  expect(pickTexts([])).toBe(en);
});
