import { z } from 'zod'
import { blockFacts, type Surface } from './blocks.ts'
import { byType, factsOf, plain, slackText } from './objects.ts'

/** One reason why Slack would refuse a payload. */
export interface Problem {
  readonly message: string
  /** JSON pointer into the payload, such as `/blocks/0/text/text`. */
  readonly pointer: string
  readonly constraint: Readonly<Record<string, unknown>>
}

type MessageVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly error: 'invalid_blocks_format' | 'msg_blocks_too_long'; readonly problems: [] }
  | { readonly ok: false; readonly error: 'invalid_blocks'; readonly problems: readonly Problem[] }

/**
 * Slack does not publish how much text the blocks of one message may hold. Messages with 11,341 counted characters were
 * seen refused (slackapi/bolt-js #2509, #2867); the simulator refuses a little earlier.
 */
const messageTextLimit = 11_000
const markdownLimit = 12_000

interface MessageLimits {
  /** Slack does not apply the text limit to what is posted to a `response_url`. */
  readonly textLimit?: boolean
}

export function validateMessageBlocks(blocks: unknown, limits: MessageLimits = {}): MessageVerdict {
  if (!Array.isArray(blocks)) return { ok: false, error: 'invalid_blocks_format', problems: [] }
  const problems = [...blockProblems(blocks, 'message', ['blocks'], 50), ...messageProblems(blocks)]
  if (problems.length > 0) return { ok: false, error: 'invalid_blocks', problems }
  if ((limits.textLimit ?? true) && isTooLong(blocks)) {
    return { ok: false, error: 'msg_blocks_too_long', problems: [] }
  }
  return { ok: true }
}

const viewFields = {
  blocks: z.array(z.unknown()),
  private_metadata: z.string().max(3000).optional(),
  callback_id: z.string().max(255).optional(),
  external_id: z.string().max(255).optional(),
}
const viewShape = byType({
  modal: z.strictObject({
    type: z.literal('modal'),
    title: plain(24),
    submit: plain(24).optional(),
    close: plain(24).optional(),
    clear_on_close: z.boolean().optional(),
    notify_on_close: z.boolean().optional(),
    submit_disabled: z.boolean().optional(),
    ...viewFields,
  }),
  home: z.strictObject({ type: z.literal('home'), ...viewFields }),
})

/** Problems of a view given to views.open, push, update or publish; empty when Slack would take it. */
export function validateView(view: unknown): readonly Problem[] {
  const shape = read(viewShape, view, ['view'])
  if (typeof view !== 'object' || view === null || !('blocks' in view) || !Array.isArray(view.blocks)) return shape
  const blocks: unknown[] = view.blocks
  const kind = 'type' in view && view.type === 'home' ? 'home' : 'modal'
  const problems = [...shape, ...blockProblems(blocks, kind, ['view', 'blocks'], 100)]
  const asks = blocks.some((block) => isObject(block) && block.type === 'input')
  if (kind === 'modal' && asks && !('submit' in view && view.submit !== undefined)) {
    problems.push(problem('must define `submit` to use an `input` block in modals', ['view'], { type: 'required' }))
  }
  return problems
}

/** Slack's own way to write a problem: the text and where it is. */
export function problemText(problem: Problem): string {
  return `${problem.message} [json-pointer:${problem.pointer}]`
}

function blockProblems(blocks: readonly unknown[], surface: Surface, path: Path, max: number): Problem[] {
  if (blocks.length > max) {
    return [problem(`no more than ${max} items allowed`, path, { type: 'max_items', expected: max })]
  }
  const problems: Problem[] = []
  const ids = new Set<string>()
  const allowed = Object.fromEntries(
    Object.entries(blockFacts)
      .filter(([, facts]) => facts.surfaces.includes(surface))
      .map(([type, facts]) => [type, facts.schema]),
  )
  const schema = byType(allowed)
  blocks.forEach((block, index) => {
    problems.push(...read(schema, block, [...path, index]))
    const id = isObject(block) && typeof block.block_id === 'string' ? block.block_id : undefined
    if (id !== undefined && ids.has(id)) {
      problems.push(problem(`\`block_id\` "${id}" already exists`, [...path, index, 'block_id'], { type: 'unique' }))
    }
    if (id !== undefined) ids.add(id)
  })
  return problems
}

/** Rules over all blocks of one message. */
function messageProblems(blocks: readonly unknown[]): Problem[] {
  const problems: Problem[] = []
  const ofType = (type: string) =>
    blocks.flatMap((block, index) => (isObject(block) && block.type === type ? [{ block, index }] : []))
  const charts = ofType('data_visualization')
  if (charts.length > 2) problems.push(problem('no more than 2 items allowed', ['blocks', charts[2]!.index], {}))
  const tables = ofType('table')
  if (tables.length > 1) problems.push(problem('only_one_table_allowed', ['blocks', tables[1]!.index], {}))
  for (const [found, limit] of [
    [tables, 10_000],
    [ofType('data_table'), 20_000],
  ] as const) {
    const length = found.reduce((sum, { block }) => sum + textLength(block.rows), 0)
    if (length > limit) {
      problems.push(problem(`must be less than ${limit + 1} characters`, ['blocks', found[0]!.index, 'rows'], {}))
    }
  }
  return problems
}

function isTooLong(blocks: readonly unknown[]): boolean {
  const markdown = blocks.filter((block) => isObject(block) && block.type === 'markdown')
  if (textLength(markdown) > markdownLimit) return true
  const rest = blocks.filter((block) => !markdown.includes(block))
  return textLength(rest) > messageTextLimit
}

const countedKeys = new Set(['text', 'title', 'caption', 'label', 'name', 'alt_text'])

/** Characters that people read in these blocks: what the size budget counts. */
export function textLength(value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, entry) => sum + textLength(entry), 0)
  if (!isObject(value)) return 0
  return Object.entries(value).reduce(
    (sum, [key, entry]) =>
      sum + (typeof entry === 'string' ? (countedKeys.has(key) ? entry.length : 0) : textLength(entry)),
    0,
  )
}

type Path = readonly (string | number)[]

function read(schema: z.ZodType, value: unknown, path: Path): Problem[] {
  const issues = schema.safeParse(value, { error: slackText }).error?.issues ?? []
  return issues.map((issue) => {
    const place = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))
    // Slack points at the object in which the field is missing, not at the field.
    if (issue.message === 'missing required field') {
      return problem(`missing required field: ${place.at(-1)}`, [...path, ...place.slice(0, -1)], { type: 'required' })
    }
    return problem(issue.message, [...path, ...place], factsOf(issue))
  })
}

function problem(message: string, path: Path, constraint: Readonly<Record<string, unknown>>): Problem {
  const pointer = path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  return { message, pointer, constraint }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
