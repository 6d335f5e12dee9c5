// The page's beginning.

import { keepLinks } from './base.js';
import { start } from './router.js';
import { routes } from './routes.js';
import { startShell } from './shell.js';

keepLinks(document.body);
startShell();
start(document.getElementById('main'), routes);
