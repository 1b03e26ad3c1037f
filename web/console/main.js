// SPDX-License-Identifier: Apache-2.0
import { mount } from 'svelte';

import '../demo/style.css';
import Console from './Console.svelte';
import './console.css';

mount(Console, { target: document.getElementById('app') });
