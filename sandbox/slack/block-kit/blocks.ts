import { z } from 'zod'
import { chart } from './chart.ts'
import { accessory, actionElement, cardButton, contextAction, imageElement, inputElement } from './elements.ts'
import { byType, plain, slackFile, text, url } from './objects.ts'
import { richText } from './rich-text.ts'

/** Where blocks stand: in a message, in a dialog (modal), on App Home. */
export type Surface = 'message' | 'modal' | 'home'

interface BlockFacts {
  readonly surfaces: readonly Surface[]
  readonly schema: z.ZodType
}

const everywhere: readonly Surface[] = ['message', 'modal', 'home']
const block_id = z.string().min(1).max(255).optional()

function block<Shape extends z.ZodRawShape>(type: string, shape: Shape) {
  return z.strictObject({ type: z.literal(type), block_id, ...shape })
}

function uniqueActionIds(field: string) {
  return (value: unknown, context: z.RefinementCtx): void => {
    const seen = new Set<string>()
    const elements = (value as Record<string, unknown>)[field]
    if (!Array.isArray(elements)) return
    elements.forEach((element: { action_id?: string }, index) => {
      const id = element.action_id
      if (id === undefined) return
      if (seen.has(id)) {
        context.addIssue({
          code: 'custom',
          message: `\`action_id\` "${id}" already exists`,
          path: [field, index, 'action_id'],
        })
      }
      seen.add(id)
    })
  }
}

const section = block('section', {
  text: text(3000).optional(),
  fields: z.array(text(2000)).min(1).max(10).optional(),
  accessory: accessory.optional(),
  expand: z.boolean().optional(),
}).superRefine((one, context) => {
  if (one.text === undefined && one.fields === undefined) {
    context.addIssue({ code: 'custom', message: 'must define either `text` or `fields`' })
  }
})

const image = block('image', {
  alt_text: z.string().min(1).max(2000),
  title: plain(2000).optional(),
  image_url: url.optional(),
  slack_file: slackFile.optional(),
}).superRefine((one, context) => {
  if ((one.image_url === undefined) === (one.slack_file === undefined)) {
    context.addIssue({ code: 'custom', message: 'must define either `image_url` or `slack_file`' })
  }
})

const cell = byType({
  raw_text: z.strictObject({ type: z.literal('raw_text'), text: z.string() }),
  raw_number: z.strictObject({ type: z.literal('raw_number'), value: z.number(), text: z.string().optional() }),
  rich_text: richText,
})

const table = block('table', {
  rows: z.array(z.array(cell).min(1).max(20)).min(1).max(100),
  column_settings: z
    .array(
      z
        .strictObject({
          align: z.enum(['left', 'center', 'right']).optional(),
          is_wrapped: z.boolean().optional(),
        })
        .nullable(),
    )
    .max(20)
    .optional(),
})

const dataTable = block('data_table', {
  caption: z.string().min(1),
  rows: z.array(z.array(cell).min(1).max(20)).min(2).max(201),
  page_size: z.int().min(1).max(100).optional(),
  row_header_column_index: z.int().min(0).optional(),
}).superRefine((one, context) => {
  const rows = one.rows as { type: string }[][]
  const width = rows[0]?.length
  rows.forEach((row, index) => {
    if (row.length !== width) {
      context.addIssue({ code: 'custom', message: 'must have the same number of columns', path: ['rows', index] })
    }
  })
  rows[0]?.forEach((head, index) => {
    if (head.type === 'rich_text') {
      context.addIssue({ code: 'custom', message: 'must be a valid enum value', path: ['rows', 0, index, 'type'] })
    }
  })
})

const taskCard = (statuses: [string, ...string[]]) =>
  block('task_card', {
    task_id: z.string().min(1).max(255),
    title: z.string().min(1),
    status: z.enum(statuses).optional(),
    details: richText.optional(),
    output: richText.optional(),
    sources: z.array(z.strictObject({ type: z.literal('url'), url, text: z.string().min(1) })).optional(),
  })

const plan = block('plan', {
  title: z.string().min(1),
  tasks: z.array(byType({ task_card: taskCard(['pending', 'in_progress', 'complete', 'error']) })).optional(),
})

const icon = z.strictObject({ type: z.literal('icon'), name: z.string().min(1) })
const card = block('card', {
  title: text(150).optional(),
  subtitle: text(150).optional(),
  body: text(200).optional(),
  subtext: text(200).optional(),
  hero_image: imageElement.optional(),
  icon: imageElement.optional(),
  slack_icon: icon.optional(),
  actions: z
    .array(byType({ button: cardButton }))
    .max(3)
    .optional(),
}).superRefine((one, context) => {
  if ([one.hero_image, one.title, one.actions, one.body].every((part) => part === undefined)) {
    context.addIssue({ code: 'custom', message: 'must define one of `hero_image`, `title`, `actions`, `body`' })
  }
  if (one.icon !== undefined && one.slack_icon !== undefined) {
    context.addIssue({ code: 'custom', message: 'must define either `icon` or `slack_icon`' })
  }
})

const header = block('header', { text: plain(150), level: z.int().min(1).max(4).optional() })
const context = block('context', {
  elements: z
    .array(byType({ image: imageElement, plain_text: text(3000), mrkdwn: text(3000) }))
    .min(1)
    .max(10),
})
const actions = block('actions', {
  elements: z.array(actionElement).min(1).max(25),
}).superRefine(uniqueActionIds('elements'))
const input = block('input', {
  label: plain(2000),
  element: inputElement,
  hint: plain(2000).optional(),
  optional: z.boolean().optional(),
  dispatch_action: z.boolean().optional(),
})
const divider = block('divider', {})

const container = block('container', {
  title: plain(150).optional(),
  rich_text_title: richText.optional(),
  subtitle: text(150).optional(),
  icon: z.unknown().optional(),
  width: z.enum(['narrow', 'standard', 'wide', 'full']).optional(),
  is_collapsible: z.boolean().optional(),
  default_collapsed: z.boolean().optional(),
  has_header_divider: z.boolean().optional(),
  child_blocks: z
    .array(byType({ actions, context, divider, header, image, input, rich_text: richText, section, table }))
    .min(1)
    .max(10),
}).superRefine((one, ctx) => {
  if ((one.title === undefined) === (one.rich_text_title === undefined)) {
    ctx.addIssue({ code: 'custom', message: 'must define either `title` or `rich_text_title`' })
  }
})

/** Slack's blocks: one line each, what may stand where. https://docs.slack.dev/reference/block-kit/blocks */
export const blockFacts: Readonly<Record<string, BlockFacts>> = {
  header: { surfaces: everywhere, schema: header },
  section: { surfaces: everywhere, schema: section },
  context: { surfaces: everywhere, schema: context },
  actions: { surfaces: everywhere, schema: actions },
  divider: { surfaces: everywhere, schema: divider },
  image: { surfaces: everywhere, schema: image },
  rich_text: { surfaces: everywhere, schema: richText },
  input: { surfaces: everywhere, schema: input },
  markdown: { surfaces: ['message'], schema: block('markdown', { text: z.string().min(1).max(12_000) }) },
  table: { surfaces: ['message', 'home'], schema: table },
  data_table: { surfaces: ['message', 'home'], schema: dataTable },
  plan: { surfaces: ['message'], schema: plan },
  // Slack refuses a lone card that is pending, although it takes one inside a plan.
  task_card: { surfaces: ['message'], schema: taskCard(['in_progress', 'complete', 'error']) },
  data_visualization: {
    surfaces: ['message'],
    schema: block('data_visualization', { title: z.string().min(1).max(50), chart }),
  },
  alert: {
    surfaces: ['modal'],
    schema: block('alert', {
      text: text(200),
      level: z.enum(['default', 'info', 'warning', 'error', 'success']).optional(),
    }),
  },
  card: { surfaces: ['message', 'home'], schema: card },
  carousel: {
    surfaces: ['message', 'home'],
    schema: block('carousel', {
      elements: z.array(byType({ card })).min(1).max(10),
    }),
  },
  container: { surfaces: everywhere, schema: container },
  context_actions: {
    surfaces: ['message'],
    schema: block('context_actions', { elements: z.array(contextAction).min(1).max(5) }).superRefine(
      uniqueActionIds('elements'),
    ),
  },
}
