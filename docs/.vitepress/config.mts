import { readFileSync } from 'node:fs';
import { defineConfig, type DefaultTheme, type MarkdownRenderer } from 'vitepress';

/** The sidebar is the front page's own list: a page stands in one place only. */
function sidebar(): DefaultTheme.SidebarItem[] {
  const index = readFileSync(new URL('../index.md', import.meta.url), 'utf8');
  return index
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      text: section.split('\n', 1)[0] ?? '',
      items: Array.from(section.matchAll(/^- \[(.+?)\]\((.+?)\.md\)/gm), ([, text = '', path = '']) => ({
        text: text.replaceAll('`', ''),
        link: `/${path}`,
      })),
    }));
}

/** Hands `mermaid` blocks to the component that draws them. */
function drawDiagrams({ renderer, utils }: MarkdownRenderer): void {
  const drawn = renderer.rules.fence;
  renderer.rules.fence = (tokens, index, ...rest) => {
    const { info = '', content = '' } = tokens[index] ?? {};
    if (info.trim() !== 'mermaid') return drawn?.(tokens, index, ...rest) ?? '';
    return `<Diagram source="${utils.escapeHtml(content)}" />`;
  };
}

export default defineConfig({
  title: 'nestjs-forge-auth',
  description: 'HTTP clients for NestJS that always carry a valid credential.',
  cleanUrls: true,
  markdown: { config: drawDiagrams },
  // The search index is one chunk, and so is what draws diagrams.
  vite: { build: { chunkSizeWarningLimit: 8_192 } },
  themeConfig: {
    search: { provider: 'local' },
    nav: [
      { text: 'Tutorial', link: '/tutorial' },
      { text: 'API', link: '/reference/api/' },
    ],
    sidebar: sidebar(),
    outline: [2, 3],
  },
});
