// What tests ask of a page as it is drawn. The file is one function body: `arguments[0]` names the question.
const shown = (element) => element.checkVisibility({visibilityProperty: true}) && element.getClientRects().length > 0;
const openAll = () => document.querySelectorAll('details').forEach((one) => { one.open = true; });

const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const parts = (color) => {
  const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
  return {r, g, b, a};
};
const luminance = ({r, g, b}) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const blend = (over, under) => Object.fromEntries(['r', 'g', 'b'].map((c) => [c, over[c] * over.a + under[c] * (1 - over.a)]));
const behind = (element) => {
  for (let one = element; one; one = one.parentElement) {
    const color = parts(getComputedStyle(one).backgroundColor);
    if (color.a === 1) return color;
    if (color.a > 0) return blend(color, behind(one.parentElement));
  }
  return {r: 255, g: 255, b: 255, a: 1};
};

// WCAG 2.2, 1.4.3: "[{text, ratio}]" of all that is below 4.5, or 3 where it is large; and how many were looked at.
const contrast = () => {
  openAll();
  const low = [];
  let looked = 0;
  const judge = (element, style, text) => {
    looked += 1;
    const under = behind(element);
    const ink = element.closest('svg') ? parts(style.fill) : parts(style.color);
    const [light, dark] = [luminance(blend(ink, under)), luminance(under)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
    if (ratio < (size >= 24 || (bold && size >= 18.66) ? 3 : 4.5)) low.push({text: text.trim().slice(0, 60), ratio});
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() && shown(element)) judge(element, getComputedStyle(element), walker.currentNode.data);
  }
  for (const element of document.querySelectorAll('input, select')) if (shown(element)) judge(element, getComputedStyle(element), element.name);
  for (const element of document.querySelectorAll('[data-name]')) {
    const before = getComputedStyle(element, '::before');
    if (shown(element) && before.content !== 'none') judge(element, before, before.content);
  }
  return {low, looked};
};

const name = (element) => `${element.tagName} ${(element.textContent || element.name || '').trim().slice(0, 40)}`;
const focusables = () => [...document.querySelectorAll(
  'a[href], button, input:not([type=hidden]), select, summary, [tabindex="0"]')].filter(shown).map(name);
const focused = () => {
  const element = document.activeElement;
  const style = getComputedStyle(element), box = element.getBoundingClientRect();
  return {name: name(element), ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
          seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth};
};
// What reaches beyond the right edge of the window though nothing scrolls it.
const beyond = () => {
  openAll();
  const wide = [...document.querySelectorAll('body *')].filter((one) => shown(one) && !one.closest('.scroll *, .skip') &&
    one.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5).map(name);
  return {width: document.documentElement.scrollWidth, wide};
};

return {contrast, focusables, focused, beyond, openAll}[arguments[0]]();
