import type { AppLink } from './app-link.ts'
import type { Ack } from './delivery.ts'
import { elementState, interactiveElements, isEmptyState, type Placed } from './elements.ts'
import { checkedView, pushView, replaceView } from './methods/views.ts'
import { type Json, SlackRefusal, type View } from './model.ts'
import type { Workspace } from './workspace.ts'

/** What a person typed and chose: block id → action id → value. */
export type ViewValues = Readonly<Record<string, Readonly<Record<string, string>>>>

export interface SubmitResult {
  readonly result: 'closed' | 'errors' | 'updated' | 'pushed' | 'cleared' | 'failed'
  /** Block id → text shown under that input. */
  readonly errors?: Readonly<Record<string, string>>
  /** The view that is on top now. */
  readonly view?: View
  /** Why it failed: no acknowledgement in time, or an answer Slack would refuse. */
  readonly error?: string
}

/** `state.values` of a view in which these values stand. Raises Error for a value that has no input. */
export function viewState(view: View, values: ViewValues): { readonly values: Record<string, Record<string, Json>> } {
  const placed = interactiveElements(view.blocks).filter(({ element }) => element.type !== 'button')
  for (const [blockId, actions] of Object.entries(values)) {
    for (const actionId of Object.keys(actions)) {
      if (!placed.some(({ block, element }) => block.block_id === blockId && element.action_id === actionId)) {
        const known = placed.map(({ block, element }) => `${block.block_id}/${String(element.action_id)}`).join(', ')
        throw new Error(`the dialog has no input ${blockId}/${actionId}; it has ${known || 'none'}`)
      }
    }
  }
  const state: Record<string, Record<string, Json>> = {}
  for (const { block, element } of placed) {
    const actionId = String(element.action_id)
    state[block.block_id] = {
      ...state[block.block_id],
      [actionId]: elementState(element, values[block.block_id]?.[actionId]),
    }
  }
  return { values: state }
}

/** What Slack's client itself refuses before it asks the app. */
function clientErrors(view: View, state: Record<string, Record<string, Json>>): Record<string, string> {
  const errors: Record<string, string> = {}
  const inputs = interactiveElements(view.blocks).filter(({ block }) => block.type === 'input')
  for (const { block, element } of inputs) {
    const entry = state[block.block_id]?.[String(element.action_id)] ?? {}
    const problem = inputProblem({ block, element }, entry)
    if (problem !== undefined) errors[block.block_id] = problem
  }
  return errors
}

function inputProblem({ block, element }: Placed, entry: Json): string | undefined {
  if (isEmptyState(entry)) return block.optional === true ? undefined : 'Please complete this required field.'
  if (typeof entry.value !== 'string') return undefined
  const { min_length: least, max_length: most } = element
  if (typeof least === 'number' && entry.value.length < least) return `Please enter at least ${least} characters.`
  if (typeof most === 'number' && entry.value.length > most) return `Please enter at most ${most} characters.`
  return undefined
}

export async function submitDialog(
  workspace: Workspace,
  app: AppLink,
  userId: string,
  values: ViewValues,
): Promise<SubmitResult> {
  const view = workspace.viewsOf(userId).at(-1)
  if (view === undefined) throw new Error(`${userId} has no dialog open`)
  const state = viewState(view, values)
  const errors = clientErrors(view, state.values)
  if (Object.keys(errors).length > 0) return { result: 'errors', errors, view }
  return applyAnswer(workspace, userId, view, await app.submission(userId, view, state))
}

function applyAnswer(workspace: Workspace, userId: string, view: View, ack: Ack): SubmitResult {
  if (!ack.ok) return { result: 'failed', error: ack.error, view }
  const answer = ack.body ?? {}
  try {
    switch (answer.response_action) {
      case undefined: {
        if (ack.body !== undefined) return { result: 'failed', error: 'the answer to a submission must be empty', view }
        const rest = workspace.viewsOf(userId).filter((open) => open.id !== view.id)
        workspace.setViews(userId, rest)
        return { result: 'closed', ...(rest.length > 0 ? { view: rest.at(-1)! } : {}) }
      }
      case 'clear':
        workspace.setViews(userId, [])
        return { result: 'cleared' }
      case 'update':
        return { result: 'updated', view: replaceView(workspace, userId, view, checkedView(answer.view, 'modal')) }
      case 'push':
        return { result: 'pushed', view: pushView(workspace, userId, checkedView(answer.view, 'modal')) }
      case 'errors':
        return shownErrors(view, answer.errors)
      default:
        return { result: 'failed', error: 'unknown response_action', view }
    }
  } catch (error) {
    if (!(error instanceof SlackRefusal)) throw error
    return { result: 'failed', error: `${error.error} ${JSON.stringify(error.details)}`, view }
  }
}

/** Errors may stand only under input blocks of this view. */
function shownErrors(view: View, given: unknown): SubmitResult {
  const errors = (typeof given === 'object' && given !== null ? given : {}) as Record<string, string>
  const inputs = new Set(view.blocks.filter((block) => block.type === 'input').map((block) => block.block_id))
  const stray = Object.keys(errors).filter((blockId) => !inputs.has(blockId))
  if (stray.length > 0 || Object.keys(errors).length === 0) {
    return {
      result: 'failed',
      error: `errors for blocks that are no inputs: ${stray.join(', ') || '(none given)'}`,
      view,
    }
  }
  return { result: 'errors', errors, view }
}
