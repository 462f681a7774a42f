import type { ReactNode } from 'react';
import { texts } from '../texts';

interface NoticeProps {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  icon?: ReactNode;
}

/** Says that there is nothing, and what to do about it. */
export function Notice({ title, children, action, icon }: NoticeProps) {
  return (
    <div className="notice">
      {icon !== undefined && <span className="notice-icon">{icon}</span>}
      <p className="notice-title">{title}</p>
      {children !== undefined && <p className="notice-text">{children}</p>}
      {action}
    </div>
  );
}

/** Says what went wrong, near where it happened, with a way to try again. */
export function Failure({ title, children, retry }: { title: string; children?: ReactNode; retry: () => void }) {
  return (
    <div role="alert">
      <Notice
        title={title}
        action={
          <button type="button" className="button" onClick={retry}>
            {texts.retry}
          </button>
        }
      >
        {children}
      </Notice>
    </div>
  );
}

/** Rows in the shape of what is loading. */
export function RowSkeletons({ count = 7 }: { count?: number }) {
  return (
    <div className="skeletons" role="status" aria-label={texts.loading}>
      {Array.from({ length: count }, (_, index) => (
        <div className="row" key={index} aria-hidden="true">
          <span className="avatar avatar-medium skeleton" />
          <span className="row-body">
            <span className={`skeleton skeleton-line w${index % 3}`} />
            <span className={`skeleton skeleton-line thin w${(index + 1) % 3}`} />
          </span>
        </div>
      ))}
    </div>
  );
}
