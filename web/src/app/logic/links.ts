/** A piece of a text: plain, or a link. */
export interface Segment {
  text: string;
  href?: string;
}

const candidate = /https?:\/\/[^\s<>"]+/gi;
const closers: Record<string, string> = { ')': '(', ']': '[', '}': '{' };

/** Splits a text into plain pieces and links; only http and https count. The pieces put together are the text. */
export function parseLinks(text: string): Segment[] {
  const segments: Segment[] = [];
  let done = 0;
  for (const match of text.matchAll(candidate)) {
    const link = trimEnd(match[0]);
    const href = safeHref(link);
    if (href === undefined) continue;
    if (match.index > done) segments.push({ text: text.slice(done, match.index) });
    segments.push({ text: link, href });
    done = match.index + link.length;
  }
  if (done < text.length) segments.push({ text: text.slice(done) });
  return segments;
}

/** Punctuation behind a link belongs to the sentence, and so does a bracket that was opened before the link. */
function trimEnd(link: string): string {
  let end = link.length;
  while (end > 0) {
    const last = link.charAt(end - 1);
    const opener = closers[last];
    if (opener !== undefined) {
      const inside = link.slice(0, end);
      if (count(inside, last) <= count(inside, opener)) break;
    } else if (!/[.,;:!?'*_~»”’…]/.test(last)) {
      break;
    }
    end -= 1;
  }
  return link.slice(0, end);
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}

function safeHref(link: string): string | undefined {
  if (!URL.canParse(link)) return undefined;
  const url = new URL(link);
  const isWeb = url.protocol === 'http:' || url.protocol === 'https:';
  return isWeb && url.hostname !== '' ? url.href : undefined;
}
