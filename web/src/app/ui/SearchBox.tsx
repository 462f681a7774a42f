import type { KeyboardEvent } from 'react';
import { texts } from '../texts';
import { CloseIcon, SearchIcon } from './icons';

interface Props {
  label: string;
  value: string;
  onChange: (value: string) => void;
  isFocus?: boolean;
}

/** A field to search with; Escape empties it. */
export function SearchBox({ label, value, onChange, isFocus = false }: Props) {
  const clear = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || value === '') return;
    event.stopPropagation();
    onChange('');
  };
  return (
    <div className="search" role="search" aria-label={label}>
      <SearchIcon />
      <input
        type="text"
        inputMode="search"
        enterKeyHint="search"
        aria-label={label}
        placeholder={texts.searchHint}
        value={value}
        maxLength={100}
        spellCheck={false}
        autoComplete="off"
        data-focus={isFocus ? '' : undefined}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={clear}
      />
      {value !== '' && (
        <button type="button" className="icon-button" aria-label={texts.clearSearch} onClick={() => onChange('')}>
          <CloseIcon />
        </button>
      )}
    </div>
  );
}
