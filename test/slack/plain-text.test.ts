import { expect, it } from 'vitest'
import { plainText } from '../../sandbox/slack/plain-text.ts'

const said = (text: string) => ({
  type: 'rich_text',
  elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text }] }],
})
const cells = (...texts: string[]) => texts.map((text) => ({ type: 'raw_text', text }))

it('reads a board aloud', () => {
  const blocks = [
    { type: 'header', text: { type: 'plain_text', text: 'Deploy v1.2.0 :rocket:' } },
    { type: 'section', text: { type: 'mrkdwn', text: '*Asked* by <@U1>, see <https://e.com/a|the log> &amp; `main`' } },
    {
      type: 'plan',
      title: 'Runbook',
      tasks: [
        { type: 'task_card', task_id: 'a', title: 'Preflight', status: 'complete', output: said('backup verified') },
        { type: 'task_card', task_id: 'b', title: 'Migrate', status: 'error', details: said('lock timeout\nretry') },
        { type: 'task_card', task_id: 'c', title: 'Rollout' },
      ],
    },
    { type: 'table', rows: [cells('Check', 'Count'), cells('Grace periods', '4')] },
    {
      type: 'actions',
      elements: ['Retry phase', 'Roll back'].map((text) => ({ type: 'button', text: { type: 'plain_text', text } })),
    },
    {
      type: 'context',
      elements: [
        { type: 'mrkdwn', text: '_run #42_' },
        { type: 'mrkdwn', text: 'snake_case_stays' },
      ],
    },
  ].map((block, index) => ({ ...block, block_id: String(index) }))
  expect(plainText({ text: '', blocks }, (id) => (id === 'U1' ? 'Dana' : undefined)).split('\n')).toEqual([
    '# Deploy v1.2.0 🚀',
    'Asked by @Dana, see the log (https://e.com/a) & main',
    'Runbook',
    '  ✓ Preflight',
    '      backup verified',
    '  ✗ Migrate',
    '      lock timeout',
    '      retry',
    '  · Rollout',
    'Check          Count',
    'Grace periods  4',
    '[Retry phase] [Roll back]',
    'run #42  ·  snake_case_stays',
  ])
})

it.each([
  ['*bold* and _low_, (*both*)', 'bold and low, (both)'],
  ['*/5 * * * * and *', '*/5 * * * * and *'],
  ['2 * 3 * 4', '2 * 3 * 4'],
  ['a*b*c snake_case_stays', 'a*b*c snake_case_stays'],
  ['* not * and _ not _', '* not * and _ not _'],
  ['`*code*` stays', '*code* stays'],
  ['*_both_* ~gone~', 'both gone'],
])('reads %j as %j', (text, read) => {
  expect(plainText({ text })).toBe(read)
})
