// The end of a test file: what somebody forgot to close must not hold up `make test` for good, and is named.
import { after } from 'node:test';

const PATIENCE = 5_000;

after(() => {
  const overdue = () => {
    console.error(`still open ${PATIENCE / 1_000} s after the last test: ${process.getActiveResourcesInfo().join(', ')}`);
    process.exit();
  };
  // It does not keep the process by itself.
  setTimeout(overdue, PATIENCE).unref();
});
