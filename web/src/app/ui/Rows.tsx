import { useRef, type KeyboardEvent, type ReactElement } from 'react';
import { Virtualizer, type VirtualizerHandle } from 'virtua';

const rowHeight = 68;

interface Props<T> {
  items: readonly T[];
  keyOf: (item: T) => string;
  render: (item: T) => ReactElement;
  /** The end of the list is near: time for another page. */
  onEnd?: () => void;
}

/** A long list of links of which only those on the screen exist; the arrow keys walk through it. */
export function Rows<T>({ items, keyOf, render, onEnd }: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<VirtualizerHandle>(null);

  const walk = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -items.length, End: items.length }[event.key];
    const row = document.activeElement?.closest<HTMLElement>('[data-index]');
    if (step === undefined || row == null) return;
    event.preventDefault();
    focusFrom(Number(row.dataset['index']), step);
  };

  const focusFrom = (from: number, step: number) => {
    const to = Math.min(items.length - 1, Math.max(0, from + step));
    list.current?.scrollToIndex(to, { align: 'nearest' });
    requestAnimationFrame(() => {
      const link = box.current?.querySelector<HTMLElement>(`[data-index="${to}"] a`);
      if (link != null) link.focus({ preventScroll: true });
      // A heading can't be focused: go one further.
      else if (Math.abs(step) === 1 && to !== from && to + step >= 0 && to + step < items.length) focusFrom(to, step);
    });
  };

  const scrolled = (offset: number) => {
    const { current } = list;
    if (current !== null && onEnd !== undefined && current.scrollSize - offset - current.viewportSize < rowHeight * 10) onEnd();
  };

  return (
    <div className="rows" ref={box} onKeyDown={walk}>
      <Virtualizer ref={list} scrollRef={box} data={items} itemSize={rowHeight} as="ul" item="li" onScroll={scrolled}>
        {(item, index) => (
          <div key={keyOf(item)} data-index={index}>
            {render(item)}
          </div>
        )}
      </Virtualizer>
    </div>
  );
}
