import { useData } from 'vitepress';
import { defineComponent, h, onMounted, ref, useId, watch } from 'vue';

/** Draws a Mermaid diagram, dark or light as the page. Its source stands there until it is drawn, and without scripts. */
export const Diagram = defineComponent({
  props: { source: { type: String, required: true } },
  setup({ source }) {
    const { isDark } = useData();
    const id = `diagram-${useId()}`;
    const drawing = ref('');

    async function draw(): Promise<void> {
      const { default: mermaid } = await import('mermaid');
      mermaid.initialize({ startOnLoad: false, securityLevel: 'strict', theme: isDark.value ? 'dark' : 'neutral' });
      drawing.value = (await mermaid.render(id, source)).svg;
    }

    onMounted(draw);
    watch(isDark, draw);
    return () =>
      drawing.value === ''
        ? h('pre', { class: 'diagram' }, source)
        : h('figure', { class: 'diagram', innerHTML: drawing.value });
  },
});
