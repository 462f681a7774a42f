import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import './app/styles/base.css';
import './app/styles/controls.css';
import './app/styles/shell.css';
import './app/styles/conversation.css';
import './app/styles/photos.css';
import './app/styles/composer.css';
import './app/styles/pages.css';
import './app/styles/dialogs.css';
import { saveDrafts } from './app/state/drafts';
import { keepLive } from './app/state/live';
import { followHistory } from './app/state/navigation';
import { tellVisibility } from './app/state/notify';
import { useSession } from './app/state/session';
import { App } from './app/ui/App';

followHistory();
keepLive();
tellVisibility();
addEventListener('pagehide', saveDrafts);
void useSession.getState().check();

const root = document.getElementById('root');
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
