// SPDX-License-Identifier: Apache-2.0
/* The number outside of the page: in the document's title, on its icon, on the installed app's. */

export const badgeText = (count, most = 99) => (count > most ? `${most}+` : String(count));

function drawn(image, count, colour) {
  const canvas = document.createElement('canvas');
  const size = (canvas.width = canvas.height = 64);
  const pen = canvas.getContext('2d');
  if (image) pen.drawImage(image, 0, 0, size, size);
  const text = badgeText(count);
  pen.font = `bold ${text.length > 2 ? 26 : 34}px system-ui, sans-serif`;
  const width = Math.max(pen.measureText(text).width + 14, 38);
  pen.fillStyle = colour;
  pen.beginPath();
  pen.roundRect(size - width, size - 38, width, 38, 19);
  pen.fill();
  pen.fillStyle = '#fff';
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(text, size - width / 2, size - 18);
  return canvas.toDataURL('image/png');
}

/**
 * Let title, favicon and app badge follow a store of {unread}; gives what ends it.
 * icon: the address of the favicon without a number, or nothing to leave it alone
 */
export function followBadge(inbox, { title = document.title, icon, colour = '#cf2f27' } = {}) {
  let image = null;
  let shown = null;
  const link = document.querySelector('link[rel~=icon]');
  const plain = icon ?? link?.href;
  const draw = () => {
    if (!link || !plain || shown === null) return;
    link.type = shown ? 'image/png' : '';
    if (!link.type) link.removeAttribute('type');
    link.href = shown ? drawn(image, shown, colour) : plain;
  };
  if (plain && link) {
    const loading = new Image();
    loading.onload = () => {
      image = loading;
      draw();
    };
    loading.src = plain;
  }
  const show = ({ unread }) => {
    if (unread === shown) return;
    shown = unread;
    document.title = unread ? `(${badgeText(unread)}) ${title}` : title;
    if (unread) navigator.setAppBadge?.(unread).catch(() => {});
    else navigator.clearAppBadge?.().catch(() => {});
    draw();
  };
  const end = inbox.subscribe(show);
  return () => {
    end();
    show({ unread: 0 });
  };
}
