// SPDX-License-Identifier: Apache-2.0
import { mount } from 'svelte';

import App from './App.svelte';
import './style.css';

mount(App, { target: document.getElementById('app') });
if (import.meta.env.PROD) navigator.serviceWorker?.register('/sw.js');
