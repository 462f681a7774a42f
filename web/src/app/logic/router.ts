/** A place in the application. */
export type Route =
  | { page: 'conversations' }
  | { page: 'conversation'; userId: string }
  | { page: 'people' }
  | { page: 'profile' }
  | { page: 'login' }
  | { page: 'signup' };

const identifier = /^[\w-]{1,64}$/;

/** The place that a path names, if it names one. */
export function parsePath(path: string): Route | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  const [first = '', second] = parts;
  if (parts.length === 0) return { page: 'conversations' };
  if (parts.length === 2 && first === 'c' && second !== undefined && identifier.test(second))
    return { page: 'conversation', userId: second };
  if (parts.length !== 1) return undefined;
  if (first === 'people' || first === 'profile' || first === 'login' || first === 'signup') return { page: first };
  return undefined;
}

/** The path of a place. */
export function pathOf(route: Route): string {
  switch (route.page) {
    case 'conversations':
      return '/';
    case 'conversation':
      return `/c/${route.userId}`;
    default:
      return `/${route.page}`;
  }
}

/** Whether a place is for people who are not logged in. */
export function isPublic(route: Route): boolean {
  return route.page === 'login' || route.page === 'signup';
}

/** Where to go instead of a place, given whether somebody is logged in. */
export function redirect(route: Route | undefined, loggedIn: boolean): Route | undefined {
  if (!loggedIn) return route !== undefined && isPublic(route) ? undefined : { page: 'login' };
  return route === undefined || isPublic(route) ? { page: 'conversations' } : undefined;
}
