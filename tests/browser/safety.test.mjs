// What the page may do, and what people can do to it by what they write.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { story } from './support/browser.mjs';
import { Account } from './support/account.mjs';
import { log, row, writes } from './support/pages.mjs';
import { oneNode } from './support/stand.mjs';

const hub = oneNode();
const NARROW = { viewport: { width: 320, height: 640 } };

const NASTY = [
  '<script>alert("script")</script>',
  '<img src=x onerror=alert("image")> <b>bold</b> &amp; <svg onload=alert(1)>',
  'javascript:alert("link") and https://example.org/?a=<script>alert(1)</script>',
  `${'Donaudampfschifffahrtsgesellschaft'.repeat(12)}`,
  `https://example.org/${'a-path-without-end/'.repeat(20)}`,
  'مرحبا بالعالم، كيف حالك اليوم؟ (hello) 123',
  'שלום \u202e reversed \u202c עולם',
  '👩‍👩‍👧‍👦🏳️‍🌈🇪🇺👍🏽 e\u0301 Z\u0351\u036b\u0343a\u0363\u0368l\u0348\u0353g\u0321\u0353o',
  'one\n  two\n\n\nthree',
  '{{constructor.constructor("alert(1)")()}} ${alert(1)} %00 \\u0000',
];

/** Content-Security-Policy as a map of its directives. */
const policyOf = (response) =>
  new Map(
    response.headers
      .get('content-security-policy')
      .split(';')
      .map((part) => part.trim().split(' '))
      .map(([name, ...values]) => [name, values]),
  );

test('the page may run nothing but its own files, which are compressed and stay for ever', async () => {
  const page = await fetch(hub.url, { signal: AbortSignal.timeout(10_000) });
  const policy = policyOf(page);
  assert.deepEqual(policy.get('default-src'), ["'none'"]);
  for (const directive of ['script-src', 'style-src']) assert.deepEqual(policy.get(directive), ["'self'"]);
  for (const directive of ['base-uri', 'form-action', 'frame-ancestors']) assert.deepEqual(policy.get(directive), ["'none'"]);
  assert.ok(![...policy.values()].flat().some((value) => /unsafe|\*|https?:/.test(value)), page.headers.get('content-security-policy'));
  assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(page.headers.get('cache-control'), 'no-cache');

  const html = await page.text();
  const assets = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path);
  assert.ok(assets.some((path) => path.endsWith('.js')) && assets.some((path) => path.endsWith('.css')), html);
  assert.doesNotMatch(html, /<script>|<style|style=| on\w+=/);
  for (const path of assets) {
    for (const encoding of ['br', 'gzip']) {
      const asset = await fetch(hub.url + path, { headers: { 'accept-encoding': encoding }, signal: AbortSignal.timeout(10_000) });
      assert.equal(asset.headers.get('content-encoding'), encoding, path);
      assert.equal(asset.headers.get('cache-control'), 'public, max-age=31536000, immutable');
      assert.match(asset.headers.get('vary') ?? '', /accept-encoding/i);
      assert.ok((await asset.text()).length > 1_000);
    }
  }
});

story('whatever is written is shown as what it is, and nothing runs or widens the page at 320 px', async ({ opens }) => {
  const [alice, mallory] = await Promise.all([
    Account.signsUp(hub.url, 'Alice Moreau'),
    Account.signsUp(hub.url, '<b onclick=alert(1)>Mallory</b> '),
  ]);
  const page = await opens(hub.url, { account: alice, ...NARROW });
  for (const text of NASTY) await mallory.sends(alice, text);
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth && document.body.scrollWidth <= innerWidth);

  await row(page, mallory.name.trim()).getByText(`${NASTY.length} unread messages`).waitFor();
  assert.ok(await fits(), 'the list of conversations');
  await row(page, mallory.name.trim()).click();
  await log(page).getByText('{{constructor').waitFor();
  assert.ok(await fits(), 'the conversation');
  // Scrolled through, since what is far off does not exist.
  const seen = new Set();
  for (let at = 1; at >= 0; at -= 0.1) {
    await log(page).evaluate(
      (box, at) =>
        new Promise((resolve) => {
          box.scrollTop = box.scrollHeight * at;
          requestAnimationFrame(() => requestAnimationFrame(resolve));
        }),
      at,
    );
    (await log(page).locator('.bubble-text').allTextContents()).forEach((text) => seen.add(text));
    assert.ok(await log(page).evaluate((box) => box.scrollWidth <= box.clientWidth), 'the messages');
  }
  assert.deepEqual(
    NASTY.filter((text) => !seen.has(text)),
    [],
  );

  const links = await log(page)
    .getByRole('link')
    .evaluateAll((all) => all.map(({ protocol, target, rel }) => ({ protocol, target, rel })));
  assert.ok(links.length > 0);
  for (const link of links) assert.deepEqual(link, { protocol: 'https:', target: '_blank', rel: 'noopener noreferrer nofollow' });
  assert.equal(await log(page).locator('script, b, svg[onload], img').count(), 0);

  // And it can be sent from here as well.
  await writes(page, NASTY[0]);
  await mallory.has(alice, [...NASTY, NASTY[0]]);
});
