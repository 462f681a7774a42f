import { create } from 'zustand';
import { parsePath, pathOf, redirect, type Route } from '../logic/router';

interface Navigation {
  /** Where we are; nothing for a path that names no place. */
  route: Route | undefined;
  /** How often we went somewhere, so that going to the same place again counts. */
  visits: number;
  go: (route: Route, how?: 'push' | 'replace') => void;
}

/** Where in the application we are: the browser's address, as a store. */
export const useNavigation = create<Navigation>()((set, get) => ({
  route: parsePath(location.pathname),
  visits: 0,
  go: (route, how = 'push') => {
    const path = pathOf(route);
    if (how === 'replace' || path === location.pathname) history.replaceState(null, '', path);
    else history.pushState(null, '', path);
    set({ route, visits: get().visits + 1 });
  },
}));

/** Follows the browser's back and forward buttons. */
export function followHistory(): void {
  addEventListener('popstate', () =>
    useNavigation.setState((state) => ({ route: parsePath(location.pathname), visits: state.visits + 1 })),
  );
}

/** Where somebody wanted to go before they had to log in. */
let wanted: Route | undefined;

/** Goes where one may be, given whether somebody is logged in: to log in first, or back to where they wanted to go. */
export function guard(loggedIn: boolean): void {
  const { route, go } = useNavigation.getState();
  const instead = redirect(route, loggedIn);
  if (instead === undefined) return;
  if (!loggedIn) wanted = route;
  const target = loggedIn && wanted !== undefined ? wanted : instead;
  if (loggedIn) wanted = undefined;
  go(target, 'replace');
}
