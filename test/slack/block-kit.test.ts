import { describe, expect, it } from 'vitest'
import type { Json } from '../../sandbox/slack/model.ts'
import { problemText, validateMessageBlocks, validateView } from '../../sandbox/slack/block-kit/validate.ts'

const long = (length: number) => 'x'.repeat(length)
const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index))
const plain = (text = 'x') => ({ type: 'plain_text', text })
const mrkdwn = (text = 'x') => ({ type: 'mrkdwn', text })
const button = (more: Json = {}) => ({ type: 'button', text: plain(), ...more })
const actions = (...elements: Json[]) => ({ type: 'actions', elements })
const option = (index: number, more: Json = {}) => ({ text: plain(`o${index}`), value: `v${index}`, ...more })
const menu = (type: string, count: number, more: Json = {}) =>
  actions({ type, options: times(count, (i) => option(i)), ...more })
const rich = (...elements: Json[]) => ({ type: 'rich_text', elements })
const card = (more: Json = {}) => ({ type: 'task_card', task_id: 't', title: 'Migrate', ...more })
const plan = (more: Json = {}) => ({ type: 'plan', title: 'Runbook', tasks: [card({ status: 'pending' })], ...more })
const cell = (text = 'x') => ({ type: 'raw_text', text })
const table = (rows: number, columns: number, text = 'x') => ({
  type: 'table',
  rows: times(rows, () => times(columns, () => cell(text))),
})
const line = (series: number, points: number, more: Json = {}) => ({
  type: 'data_visualization',
  title: 'Events',
  chart: {
    type: 'line',
    series: times(series, (s) => ({ name: `s${s}`, data: times(points, (p) => ({ label: `p${p}`, value: -p })) })),
    axis_config: { categories: times(points, (p) => `p${p}`) },
  },
  ...more,
})
const confirm = (more: Json = {}) => ({ title: plain(), text: mrkdwn(), confirm: plain(), deny: plain(), ...more })

/** What is judged, a block Slack takes, one it refuses, and the words of the refusal. */
type Fact = readonly [what: string, taken: Json, refused: Json, problem: string]

const facts: readonly Fact[] = [
  [
    'header text',
    { type: 'header', text: plain(long(150)) },
    { type: 'header', text: plain(long(151)) },
    'must be less than 151 characters [json-pointer:/blocks/0/text/text]',
  ],
  [
    'header is plain',
    { type: 'header', text: plain() },
    { type: 'header', text: mrkdwn() },
    'must be a valid enum value [json-pointer:/blocks/0/text/type]',
  ],
  [
    'section text',
    { type: 'section', text: mrkdwn(long(3000)) },
    { type: 'section', text: mrkdwn(long(3001)) },
    'must be less than 3001 characters [json-pointer:/blocks/0/text/text]',
  ],
  [
    'section needs something',
    { type: 'section', fields: [plain()] },
    { type: 'section' },
    'must define either `text` or `fields` [json-pointer:/blocks/0]',
  ],
  [
    'section fields',
    { type: 'section', fields: times(10, () => plain()) },
    { type: 'section', fields: times(11, () => plain()) },
    'no more than 10 items allowed [json-pointer:/blocks/0/fields]',
  ],
  [
    'field text',
    { type: 'section', fields: [plain(long(2000))] },
    { type: 'section', fields: [plain(long(2001))] },
    'must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]',
  ],
  [
    'empty text',
    { type: 'section', text: mrkdwn(' ') },
    { type: 'section', text: mrkdwn('') },
    'must be more than 0 characters [json-pointer:/blocks/0/text/text]',
  ],
  [
    'stray property',
    { type: 'divider' },
    { type: 'divider', text: plain() },
    'invalid additional property: text [json-pointer:/blocks/0]',
  ],
  [
    'missing field',
    { type: 'header', text: plain() },
    { type: 'header' },
    'missing required field: text [json-pointer:/blocks/0]',
  ],
  [
    'unknown block',
    { type: 'divider' },
    { type: 'rainbow' },
    'unsupported type: rainbow [json-pointer:/blocks/0/type]',
  ],
  [
    'context elements',
    { type: 'context', elements: times(10, () => mrkdwn()) },
    { type: 'context', elements: times(11, () => mrkdwn()) },
    'no more than 10 items allowed [json-pointer:/blocks/0/elements]',
  ],
  [
    'actions elements',
    actions(...times(25, () => button())),
    actions(...times(26, () => button())),
    'no more than 25 items allowed [json-pointer:/blocks/0/elements]',
  ],
  [
    'actions take no text',
    actions(button()),
    actions(mrkdwn()),
    'unsupported type: mrkdwn [json-pointer:/blocks/0/elements/0/type]',
  ],
  [
    'unique action ids',
    actions(button({ action_id: 'a' }), button({ action_id: 'b' })),
    actions(button({ action_id: 'a' }), button({ action_id: 'a' })),
    '`action_id` "a" already exists [json-pointer:/blocks/0/elements/1/action_id]',
  ],
  [
    'action id',
    actions(button({ action_id: long(255) })),
    actions(button({ action_id: long(256) })),
    'must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]',
  ],
  [
    'button text',
    actions(button({ text: plain(long(75)) })),
    actions(button({ text: plain(long(76)) })),
    'must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]',
  ],
  [
    'button value',
    actions(button({ value: long(2000) })),
    actions(button({ value: long(2001) })),
    'must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]',
  ],
  [
    'button style',
    actions(button({ style: 'danger' })),
    actions(button({ style: 'green' })),
    'must be a valid enum value [json-pointer:/blocks/0/elements/0/style]',
  ],
  [
    'button url',
    actions(button({ url: 'https://example.com' })),
    actions(button({ url: 'nowhere' })),
    'invalid_url [json-pointer:/blocks/0/elements/0/url]',
  ],
  [
    'confirm title',
    actions(button({ confirm: confirm({ title: plain(long(100)) }) })),
    actions(button({ confirm: confirm({ title: plain(long(101)) }) })),
    'must be less than 101 characters [json-pointer:/blocks/0/elements/0/confirm/title/text]',
  ],
  [
    'confirm text',
    actions(button({ confirm: confirm({ text: mrkdwn(long(300)) }) })),
    actions(button({ confirm: confirm({ text: mrkdwn(long(301)) }) })),
    'must be less than 301 characters [json-pointer:/blocks/0/elements/0/confirm/text/text]',
  ],
  [
    'confirm word',
    actions(button({ confirm: confirm({ deny: plain(long(30)) }) })),
    actions(button({ confirm: confirm({ deny: plain(long(31)) }) })),
    'must be less than 31 characters [json-pointer:/blocks/0/elements/0/confirm/deny/text]',
  ],
  [
    'menu options',
    menu('static_select', 100),
    menu('static_select', 101),
    'no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]',
  ],
  [
    'menu needs options',
    menu('static_select', 1),
    actions({ type: 'static_select' }),
    'must define either `options` or `option_groups` [json-pointer:/blocks/0/elements/0]',
  ],
  [
    'initial option',
    menu('static_select', 2, { initial_option: option(1) }),
    menu('static_select', 2, { initial_option: option(2) }),
    'initial_option must match one of the options [json-pointer:/blocks/0/elements/0/initial_option]',
  ],
  [
    'option value',
    menu('static_select', 0, { options: [option(0, { value: long(150) })] }),
    menu('static_select', 0, { options: [option(0, { value: long(151) })] }),
    'must be less than 151 characters [json-pointer:/blocks/0/elements/0/options/0/value]',
  ],
  [
    'radio options',
    menu('radio_buttons', 10),
    menu('radio_buttons', 11),
    'no more than 10 items allowed [json-pointer:/blocks/0/elements/0/options]',
  ],
  [
    'checkbox options',
    menu('checkboxes', 10),
    menu('checkboxes', 11),
    'no more than 10 items allowed [json-pointer:/blocks/0/elements/0/options]',
  ],
  [
    'overflow options',
    menu('overflow', 5),
    menu('overflow', 6),
    'no more than 5 items allowed [json-pointer:/blocks/0/elements/0/options]',
  ],
  [
    'image source',
    { type: 'image', alt_text: 'x', image_url: 'https://example.com/x.png' },
    { type: 'image', alt_text: 'x' },
    'must define either `image_url` or `slack_file` [json-pointer:/blocks/0]',
  ],
  [
    'image alt text',
    { type: 'image', alt_text: long(2000), image_url: 'https://e.com/x.png' },
    { type: 'image', alt_text: long(2001), image_url: 'https://e.com/x.png' },
    'must be less than 2001 characters [json-pointer:/blocks/0/alt_text]',
  ],
  [
    'rich text parts',
    rich({ type: 'rich_text_section', elements: [{ type: 'emoji', name: 'tada' }] }),
    rich({ type: 'rich_text_section', elements: [{ type: 'emoji' }] }),
    'missing required field: name [json-pointer:/blocks/0/elements/0/elements/0]',
  ],
  [
    'rich text list',
    rich({ type: 'rich_text_list', style: 'bullet', elements: [] }),
    rich({ type: 'rich_text_list', style: 'star', elements: [] }),
    'must be a valid enum value [json-pointer:/blocks/0/elements/0/style]',
  ],
  ['plan title is bare', plan(), plan({ title: plain() }), 'must provide a string [json-pointer:/blocks/0/title]'],
  [
    'task status',
    plan({ tasks: [card({ status: 'error' })] }),
    plan({ tasks: [card({ status: 'failed' })] }),
    'must be a valid enum value [json-pointer:/blocks/0/tasks/0/status]',
  ],
  [
    'task details',
    plan({ tasks: [card({ details: rich() })] }),
    plan({ tasks: [card({ details: 'x' })] }),
    'must provide an object [json-pointer:/blocks/0/tasks/0/details]',
  ],
  [
    'lone card is not pending',
    card({ status: 'complete' }),
    card({ status: 'pending' }),
    'must be a valid enum value [json-pointer:/blocks/0/status]',
  ],
  [
    'no buttons in a plan',
    plan({ tasks: [] }),
    plan({ tasks: [button()] }),
    'unsupported type: button [json-pointer:/blocks/0/tasks/0/type]',
  ],
  ['table rows', table(100, 1), table(101, 1), 'no more than 100 items allowed [json-pointer:/blocks/0/rows]'],
  ['table columns', table(1, 20), table(1, 21), 'no more than 20 items allowed [json-pointer:/blocks/0/rows/0]'],
  [
    'table characters',
    table(100, 1, long(100)),
    table(100, 1, long(101)),
    'must be less than 10001 characters [json-pointer:/blocks/0/rows]',
  ],
  [
    'data table width',
    { type: 'data_table', caption: 'x', rows: [[cell()], [cell()]] },
    { type: 'data_table', caption: 'x', rows: [[cell()], [cell(), cell()]] },
    'must have the same number of columns [json-pointer:/blocks/0/rows/1]',
  ],
  [
    'chart title',
    line(1, 1, { title: long(50) }),
    line(1, 1, { title: long(51) }),
    'must be less than 51 characters [json-pointer:/blocks/0/title]',
  ],
  ['chart series', line(12, 1), line(13, 1), 'no more than 12 items allowed [json-pointer:/blocks/0/chart/series]'],
  [
    'chart points',
    line(1, 20),
    line(1, 21),
    'no more than 20 items allowed [json-pointer:/blocks/0/chart/series/0/data]',
  ],
  [
    'pie value',
    { type: 'data_visualization', title: 'x', chart: { type: 'pie', segments: [{ label: 'a', value: 1 }] } },
    { type: 'data_visualization', title: 'x', chart: { type: 'pie', segments: [{ label: 'a', value: 0 }] } },
    'must be greater than 0 [json-pointer:/blocks/0/chart/segments/0/value]',
  ],
  [
    'card body',
    { type: 'card', body: mrkdwn(long(200)) },
    { type: 'card', body: mrkdwn(long(201)) },
    'must be less than 201 characters [json-pointer:/blocks/0/body/text]',
  ],
  [
    'no alert in messages',
    { type: 'divider' },
    { type: 'alert', text: plain() },
    'unsupported type: alert [json-pointer:/blocks/0/type]',
  ],
  [
    'container children',
    { type: 'container', title: plain(), child_blocks: [{ type: 'divider' }] },
    { type: 'container', title: plain(), child_blocks: [plan()] },
    'unsupported type: plan [json-pointer:/blocks/0/child_blocks/0/type]',
  ],
]

const problemsOf = (blocks: readonly unknown[]): readonly string[] => {
  const verdict = validateMessageBlocks(blocks)
  return verdict.ok ? [] : verdict.error === 'invalid_blocks' ? verdict.problems.map(problemText) : [verdict.error]
}

describe('blocks of a message', () => {
  it.each(facts)('%s', (_what, taken, refused, problem) => {
    expect(problemsOf([taken])).toEqual([])
    expect(problemsOf([refused])).toContain(problem)
  })

  const divider = { type: 'divider' }
  const wholes: readonly (readonly [string, readonly unknown[], readonly unknown[], string])[] = [
    [
      'number of blocks',
      times(50, () => divider),
      times(51, () => divider),
      'no more than 50 items allowed [json-pointer:/blocks]',
    ],
    [
      'unique block ids',
      [
        { ...divider, block_id: 'a' },
        { ...divider, block_id: 'b' },
      ],
      [
        { ...divider, block_id: 'a' },
        { ...divider, block_id: 'a' },
      ],
      '`block_id` "a" already exists [json-pointer:/blocks/1/block_id]',
    ],
    [
      'charts',
      [line(1, 1), line(1, 1)],
      [line(1, 1), line(1, 1), line(1, 1)],
      'no more than 2 items allowed [json-pointer:/blocks/2]',
    ],
    ['tables', [table(1, 1)], [table(1, 1), table(1, 1)], 'only_one_table_allowed [json-pointer:/blocks/1]'],
    [
      'text in all',
      times(4, () => ({ type: 'section', text: mrkdwn(long(2700)) })),
      times(4, () => ({ type: 'section', text: mrkdwn(long(2800)) })),
      'msg_blocks_too_long',
    ],
    [
      'markdown in all',
      [{ type: 'markdown', text: long(12_000) }],
      times(2, () => ({ type: 'markdown', text: long(6001) })),
      'msg_blocks_too_long',
    ],
  ]
  it.each(wholes)('%s', (_what, taken, refused, problem) => {
    expect(problemsOf(taken)).toEqual([])
    expect(problemsOf(refused)).toContain(problem)
  })
})

describe('dialogs', () => {
  const input = (element: Json, more: Json = {}) => ({ type: 'input', label: plain(), element, ...more })
  const modal = (more: Json = {}) => ({ type: 'modal', title: plain(), submit: plain(), blocks: [], ...more })
  const views: readonly Fact[] = [
    [
      'title',
      modal({ title: plain(long(24)) }),
      modal({ title: plain(long(25)) }),
      'must be less than 25 characters [json-pointer:/view/title/text]',
    ],
    [
      'private metadata',
      modal({ private_metadata: long(3000) }),
      modal({ private_metadata: long(3001) }),
      'must be less than 3001 characters [json-pointer:/view/private_metadata]',
    ],
    [
      'blocks',
      modal({ blocks: times(100, () => ({ type: 'divider' })) }),
      modal({ blocks: times(101, () => ({ type: 'divider' })) }),
      'no more than 100 items allowed [json-pointer:/view/blocks]',
    ],
    [
      'an input needs submit',
      modal({ blocks: [input({ type: 'plain_text_input' })] }),
      { type: 'modal', title: plain(), blocks: [input({ type: 'plain_text_input' })] },
      'must define `submit` to use an `input` block in modals [json-pointer:/view]',
    ],
    [
      'no plan',
      modal({ blocks: [{ type: 'alert', text: plain() }] }),
      modal({ blocks: [plan()] }),
      'unsupported type: plan [json-pointer:/view/blocks/0/type]',
    ],
    [
      'label',
      modal({ blocks: [input({ type: 'users_select' }, { label: plain(long(2000)) })] }),
      modal({ blocks: [input({ type: 'users_select' }, { label: plain(long(2001)) })] }),
      'must be less than 2001 characters [json-pointer:/view/blocks/0/label/text]',
    ],
    [
      'no button as input',
      modal({ blocks: [input({ type: 'users_select' })] }),
      modal({ blocks: [input(button())] }),
      'unsupported type: button [json-pointer:/view/blocks/0/element/type]',
    ],
    [
      'home takes tables',
      { type: 'home', blocks: [table(1, 1)] },
      { type: 'home', blocks: [line(1, 1)] },
      'unsupported type: data_visualization [json-pointer:/view/blocks/0/type]',
    ],
  ]
  it.each(views)('%s', (_what, taken, refused, problem) => {
    expect(validateView(taken).map(problemText)).toEqual([])
    expect(validateView(refused).map(problemText)).toContain(problem)
  })
})
