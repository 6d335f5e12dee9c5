// The page's beginning.

import { start } from './router.js';
import { startShell } from './shell.js';

startShell();
start(document.getElementById('main'));
