// A few people who know each other, for pictures of the client: plausible names, friendly words, times of the last days.
import { Account } from './account.mjs';
import { dataUrl, landscape, portrait } from './picture.mjs';
import { sql } from './seed.mjs';

const ME = 'Nora Lindgren';

/** Who wrote (`>` me, `<` they), how many minutes ago, and what. `unread`: the last so many of theirs. */
const TALKS = [
  {
    name: 'Mateo Alvarez',
    hue: 18,
    lines: [
      ['<', 1_502, 'Are we still on for the hills on Saturday?'],
      ['>', 1_498, 'Yes! The forecast is perfect: sunny, hardly any wind.'],
      ['<', 1_495, 'Then I’ll bring the big thermos ☕'],
      ['>', 62, 'I found the map. The path by the old mill is open again: https://example.org/trails/old-mill'],
      ['<', 55, 'Great. I was up there yesterday evening, look at this light'],
      ['<', 54, '', { picture: true }],
      ['>', 51, 'Wow. That is the ridge above the lake, isn’t it?'],
      ['<', 50, 'Exactly. Two hours from the station, if we don’t stop for pancakes.'],
      ['>', 12, 'We always stop for pancakes 🥞'],
      ['<', 3, 'Fair. Train at 8:12 then, platform 2?'],
      ['>', 2, 'See you there!'],
    ],
  },
  {
    name: 'Aisha Rahman',
    hue: 200,
    unread: 2,
    lines: [
      ['>', 190, 'How did the talk go?'],
      ['<', 21, 'Better than I dared to hope!'],
      ['<', 20, 'They asked questions for half an hour 😄'],
    ],
  },
  { name: 'Jonas Weber', hue: 95, unread: 1, lines: [['<', 47, 'The parcel for you is at my place, come by any time after six.']] },
  {
    name: 'Priya Nair',
    hue: 320,
    lines: [
      ['<', 130, 'Did you finish the book?'],
      ['>', 118, 'Last night. I need to talk about that ending.'],
    ],
  },
  {
    name: 'Tomasz Kowalski',
    hue: 255,
    lines: [
      ['>', 320, 'Thank you for the recipe'],
      ['<', 300, 'Let it rest overnight, that is the whole secret.'],
    ],
  },
  {
    name: 'Yuki Tanaka',
    hue: 160,
    lines: [
      ['<', 1_720, 'Happy birthday! 🎉🎂'],
      ['>', 1_700, 'Thank you so much!'],
    ],
  },
  {
    name: 'Samuel Osei',
    lines: [
      ['>', 2_990, 'Here are the keys of the rehearsal room'],
      ['<', 2_980, 'Perfect, I’ll open up at seven.'],
    ],
  },
  { name: 'Elif Demir', lines: [['<', 4_480, 'Our garden says hello: far too many tomatoes. Would you like some?']] },
  {
    name: 'Clara Dubois',
    lines: [
      ['>', 8_800, 'Back from Lyon! The hotel was lovely.'],
      ['<', 8_790, 'I knew you would like it.'],
    ],
  },
  {
    name: 'Liam O’Connor',
    lines: [
      ['<', 12_900, 'Good game yesterday. Rematch on Thursday?'],
      ['>', 12_880, 'Deal.'],
    ],
  },
];

/** Others of the directory. */
const OTHERS = ['Amara Okeke', 'Björn Eriksson', 'Chen Wei', 'Fatima Zahra', 'Giulia Romano', 'Henrik Dahl'];

/** Makes them on a node with PostgreSQL; `page` draws their pictures. Answers `{me, people}`, people by their names. */
export async function village(hub, page) {
  const me = await Account.signsUp(hub.url, ME, 'nora@example.org');
  await me.asks('PUT', '/api/auth/update-profile', { profilePic: dataUrl(await portrait(page, 230)) });
  const people = new Map();
  const times = [];
  // Who wrote last comes last, so that the order is right from the beginning.
  for (const { name, hue, lines, unread = 0 } of TALKS.toReversed()) {
    const them = await Account.signsUp(hub.url, name);
    people.set(name, them);
    if (hue !== undefined) await them.asks('PUT', '/api/auth/update-profile', { profilePic: dataUrl(await portrait(page, hue)) });
    let lastRead;
    for (const [index, [side, minutes, text, { picture = false } = {}]] of lines.entries()) {
      const [from, to] = side === '>' ? [me, them] : [them, me];
      const image = picture ? dataUrl(await landscape(page, { width: 360, height: 240 })) : undefined;
      const { _id: id } = await from.sends(to, text || undefined, image);
      times.push(`('${id}'::uuid, ${minutes})`);
      if (side === '<' && index < lines.length - unread) lastRead = id;
    }
    if (lastRead) await me.asks('POST', `/api/messages/${them.id}/read`, { upTo: lastRead });
  }
  for (const name of OTHERS) people.set(name, await Account.signsUp(hub.url, name));
  const ago = `now() - minutes * interval '1 minute'`;
  await sql(
    hub.database,
    `WITH times (message, minutes) AS (VALUES ${times.join(', ')}),
     said AS (UPDATE messages SET created_at = ${ago}, updated_at = ${ago} FROM times WHERE id = message)
     UPDATE conversations SET last_at = ${ago} FROM times WHERE last_message_id = message`,
  );
  return { me, people };
}
