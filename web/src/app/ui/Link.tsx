import type { AnchorHTMLAttributes, MouseEvent } from 'react';
import { pathOf, type Route } from '../logic/router';
import { useNavigation } from '../state/navigation';

interface Props extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href'> {
  to: Route;
}

/** A link to a place in the application. */
export function Link({ to, onClick, ...rest }: Props) {
  const go = useNavigation((navigation) => navigation.go);
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    const elsewhere = event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
    if (event.defaultPrevented || elsewhere) return;
    event.preventDefault();
    go(to);
  };
  return <a href={pathOf(to)} onClick={follow} {...rest} />;
}
