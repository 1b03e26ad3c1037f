// SPDX-License-Identifier: Apache-2.0
/* One user's part of the page: bell, badge, list, and the form that rings the other one.
 * Shows what it is given; decides nothing. */

const QUIET_MS = 5000; // between two announcements
const PASSING_MS = 4000;
const BADGE_MOST = 99;

const part = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);
const end = new Intl.DateTimeFormat('en', { weekday: 'short', hour: 'numeric', minute: '2-digit' });
const age = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'narrow' });

function ageText(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 10) return 'now';
  if (seconds < 60) return age.format(-seconds, 'second');
  if (seconds < 3600) return age.format(-Math.round(seconds / 60), 'minute');
  if (seconds < 86400) return age.format(-Math.round(seconds / 3600), 'hour');
  return age.format(-Math.round(seconds / 86400), 'day');
}

export class Bell {
  unread = 0;
  onRing = () => {};
  onRead = () => {};
  onReadAll = () => {};
  #ahead = 0; // the server's clock minus ours: only for showing ages
  #announced = null; // the unread count last spoken of; null: nothing shown yet
  #spoke = 0;
  #rows = new Map();

  constructor(user, other) {
    this.element = part('person');
    this.element.dataset.user = user;
    const find = (selector) => this.element.querySelector(selector);
    this.find = find;
    find('.avatar').textContent = user[0].toUpperCase();
    find('.who h2').textContent = user;
    find('.inbox').id = `inbox-${user}`;
    find('.inbox').setAttribute('aria-label', `Notifications of ${user}`);
    find('.inbox h3').textContent = 'Inbox';
    find('.ring .text span').textContent = `Ring ${other}`;
    find('.ring [name=title]').placeholder = `Hello from ${user}`;

    const bell = find('.bell');
    bell.setAttribute('aria-controls', find('.inbox').id);
    bell.setAttribute('aria-label', 'Notifications');
    bell.addEventListener('click', () => this.#open(find('.inbox').hidden));
    find('.inbox').addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      this.#open(false);
      bell.focus();
    });
    find('.mark-all').addEventListener('click', () => this.onReadAll());
    find('.ring').addEventListener('submit', (event) => {
      event.preventDefault();
      const { title, type } = event.target.elements;
      this.onRing(title.value, type.value);
      title.value = '';
    });
    setInterval(() => this.#showAges(), 10000);
  }

  connection(state, text) {
    const line = this.find('.connection');
    line.dataset.state = state;
    line.querySelector('span').textContent = state === 'live' ? `live, ${text}` : text;
  }

  serverTime(at) {
    if (at !== undefined) this.#ahead = new Date(at).getTime() - Date.now();
  }

  show(inbox) {
    const rose = inbox.unread > this.unread;
    this.unread = inbox.unread;
    const badge = this.find('.badge');
    badge.hidden = inbox.unread === 0;
    badge.textContent = inbox.unread > BADGE_MOST ? `${BADGE_MOST}+` : inbox.unread;
    const name = inbox.unread ? `Notifications, ${inbox.unread} unread` : 'Notifications';
    const bell = this.find('.bell');
    bell.setAttribute('aria-label', name);
    if (rose && this.#announced !== null) {
      bell.classList.remove('rings');
      void bell.offsetWidth; // so that it swings again although it still swings
      bell.classList.add('rings');
    }
    this.#announce();
    this.find('.inbox h3').textContent = inbox.unread ? `${inbox.unread} unread` : 'All read';
    this.find('.mark-all').disabled = inbox.unread === 0;
    this.#showList(inbox.list());
  }

  /** A toast or a transient event: seen once, kept nowhere. */
  pass(event, payload) {
    const line = this.find('.passing');
    line.textContent = payload.body ? `${payload.title}: ${payload.body}` : payload.title;
    line.dataset.kind = event.split(':')[1];
    line.classList.add('shown');
    clearTimeout(this.passed);
    const hide = () => {
      if (line.matches(':hover')) this.passed = setTimeout(hide, PASSING_MS);
      else line.classList.remove('shown');
    };
    this.passed = setTimeout(hide, PASSING_MS);
  }

  #open(open) {
    this.find('.inbox').hidden = !open;
    this.find('.bell').setAttribute('aria-expanded', open);
  }

  /** Increases only, at most one in QUIET_MS, never what was there on arrival. */
  #announce() {
    if (this.#announced === null || this.unread <= this.#announced) {
      this.#announced = this.unread;
      return;
    }
    const wait = this.#spoke + QUIET_MS - Date.now();
    clearTimeout(this.speaking);
    if (wait > 0) {
      this.speaking = setTimeout(() => this.#announce(), wait);
      return;
    }
    const more = this.unread - this.#announced;
    this.find('.said').textContent = `${more} new notification${more > 1 ? 's' : ''}`;
    this.#announced = this.unread;
    this.#spoke = Date.now();
  }

  /** Rows are kept by id, so that focus and scrolling stay where they are. */
  #showList(items) {
    const list = this.find('.list');
    list.setAttribute('aria-busy', 'false');
    this.find('.empty').hidden = items.length > 0;
    const present = new Set(items.map((item) => item.id));
    for (const [id, row] of this.#rows)
      if (!present.has(id)) {
        row.remove();
        this.#rows.delete(id);
      }
    let before = list.firstElementChild;
    items.forEach((item, at) => {
      const row = this.#rows.get(item.id) ?? this.#row(item);
      row.classList.toggle('read', item.read_at !== null);
      row.querySelector('.mark').hidden = item.read_at !== null;
      row.setAttribute('aria-posinset', at + 1);
      row.setAttribute('aria-setsize', items.length);
      if (row === before) before = before.nextElementSibling;
      else list.insertBefore(row, before);
    });
    this.#showAges();
  }

  #row(item) {
    const row = part('notification');
    const set = (selector, text) => (row.querySelector(selector).textContent = text);
    row.dataset.id = item.id;
    row.dataset.type = item.type;
    const title = row.querySelector('h4');
    title.id = `title-${item.id}`;
    row.setAttribute('aria-labelledby', title.id);
    set('h4', item.title);
    set('.body', item.body ?? '');
    set('.type', item.type);
    const time = row.querySelector('time');
    time.dateTime = item.inserted_at;
    time.title = new Date(item.inserted_at).toLocaleString();
    if (item.expires_at) set('.until', `until ${end.format(new Date(item.expires_at))}`);
    row.querySelector('.mark').setAttribute('aria-label', `Mark as read: ${item.title}`);
    row.addEventListener('click', () => {
      if (!row.classList.contains('read')) this.onRead(item.id);
    });
    this.#rows.set(item.id, row);
    return row;
  }

  #showAges() {
    const now = Date.now() + this.#ahead;
    for (const row of this.#rows.values()) {
      const time = row.querySelector('time');
      time.textContent = ageText(Math.max(0, now - Date.parse(time.dateTime)));
    }
  }
}
