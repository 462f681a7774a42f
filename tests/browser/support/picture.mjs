// Pictures that a page draws: PNG files as people would pick them.

/** A landscape of that size, as a file for a file chooser. It needs an open page. */
export async function landscape(page, { name = 'hills.png', width = 480, height = 320 } = {}) {
  const url = await page.evaluate(
    ({ width, height }) => {
      const canvas = document.createElement('canvas');
      Object.assign(canvas, { width, height });
      const context = canvas.getContext('2d');
      const sky = context.createLinearGradient(0, 0, 0, height);
      [
        ['#2b5876', 0],
        ['#f7a072', 0.6],
        ['#fbe3b4', 1],
      ].forEach(([color, at]) => sky.addColorStop(at, color));
      context.fillStyle = sky;
      context.fillRect(0, 0, width, height);
      context.fillStyle = '#fff4d6';
      context.beginPath();
      context.arc(width * 0.68, height * 0.5, height * 0.09, 0, 7);
      context.fill();
      ['#5b4a72', '#3d3a5c', '#232946'].forEach((color, layer) => {
        context.fillStyle = color;
        context.beginPath();
        context.moveTo(0, height);
        for (let x = 0; x <= width; x += 4) {
          const wave = Math.sin(x / (width / (7 + 2 * layer)) + layer * 2) + 0.5 * Math.sin(x / (width / 17) + layer);
          context.lineTo(x, height * (0.62 + 0.12 * layer) + wave * height * 0.05);
        }
        context.lineTo(width, height);
        context.fill();
      });
      return canvas.toDataURL('image/png');
    },
    { width, height },
  );
  return { name, mimeType: 'image/png', buffer: Buffer.from(url.slice(url.indexOf(',') + 1), 'base64') };
}

export const dataUrl = ({ mimeType, buffer }) => `data:${mimeType};base64,${buffer.toString('base64')}`;

/** Somebody's picture in that hue: head and shoulders before a bright wall. */
export async function portrait(page, hue) {
  const url = await page.evaluate((hue) => {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: 128, height: 128 });
    const context = canvas.getContext('2d');
    const shape = (color, ...args) => {
      context.fillStyle = color;
      context.beginPath();
      context.ellipse(...args, 0, 0, 7);
      context.fill();
    };
    context.fillStyle = `hsl(${hue} 65% 82%)`;
    context.fillRect(0, 0, 128, 128);
    shape(`hsl(${hue} 30% 25%)`, 64, 50, 29, 31);
    shape(`hsl(${hue} 55% 45%)`, 64, 128, 46, 40);
    shape(`hsl(${20 + (hue % 15)} 45% ${45 + (hue % 30)}%)`, 64, 57, 22, 26);
    return canvas.toDataURL('image/png');
  }, hue);
  return { name: 'portrait.png', mimeType: 'image/png', buffer: Buffer.from(url.slice(url.indexOf(',') + 1), 'base64') };
}
