import { Component, type ReactNode } from 'react';
import { texts } from '../texts';
import { Notice } from './states';

/** Shows words instead of a blank page when a component fails. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <main className="page-center" role="alert">
        <Notice
          title={texts.errors.crashed}
          action={
            <button type="button" className="button primary" onClick={() => location.reload()}>
              {texts.errors.reload}
            </button>
          }
        >
          {texts.errors.crashedHelp}
        </Notice>
      </main>
    );
  }
}
