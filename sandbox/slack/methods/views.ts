import { type Problem, problemText, validateMessageBlocks, validateView } from '../block-kit/validate.ts'
import { type Json, SlackRefusal, type View } from '../model.ts'
import { appId, botId, newId, teamId, withIds, type Workspace } from '../workspace.ts'
import { jsonArg, type Method, requiredArg, textArg } from './method.ts'

const largestView = 250_000
const stackLimit = 3

/** A view as given by the app, checked as Slack does. Raises SlackRefusal. */
export function checkedView(given: unknown, kind: 'modal' | 'home'): Json {
  if (given === undefined) throw missing('view')
  if (JSON.stringify(given).length > largestView) throw new SlackRefusal('view_too_large')
  const problems = validateView(given)
  if (problems.length > 0) throw refusedView(problems)
  const view = given as Json
  if (view.type !== kind) throw new SlackRefusal('invalid_arguments', { detail: `expected a view of type ${kind}` })
  return view
}

function missing(field: string): SlackRefusal {
  return new SlackRefusal('invalid_arguments', {
    response_metadata: { messages: [`[ERROR] missing required field: ${field}`] },
  })
}

function refusedView(problems: readonly Problem[]): SlackRefusal {
  const messages = ['failed to match all allowed schemas [json-pointer:/view]', ...problems.map(problemText)]
  return new SlackRefusal('invalid_arguments', {
    response_metadata: { messages: messages.map((text) => `[ERROR] ${text}`) },
  })
}

/** The view as Slack keeps it; an update keeps the id and the place in the stack. */
function storedView(given: Json, workspace: Workspace, before?: View, below?: View): View {
  const id = before?.id ?? newId('V')
  return {
    ...given,
    id,
    team_id: teamId,
    app_id: appId,
    app_installed_team_id: teamId,
    bot_id: botId,
    type: given.type as 'modal' | 'home',
    callback_id: typeof given.callback_id === 'string' ? given.callback_id : '',
    private_metadata: typeof given.private_metadata === 'string' ? given.private_metadata : '',
    external_id: typeof given.external_id === 'string' ? given.external_id : '',
    blocks: withIds(given.blocks as Json[]),
    hash: `${workspace.nextTs()}.${newId('')}`,
    state: { values: {} },
    root_view_id: before?.root_view_id ?? below?.root_view_id ?? id,
    previous_view_id: before?.previous_view_id ?? below?.id ?? null,
  }
}

export function pushView(workspace: Workspace, userId: string, given: Json): View {
  const stack = workspace.viewsOf(userId)
  if (stack.length >= stackLimit) throw new SlackRefusal('push_limit_reached')
  const view = storedView(given, workspace, undefined, stack.at(-1))
  workspace.setViews(userId, [...stack, view])
  return view
}

export function replaceView(workspace: Workspace, userId: string, before: View, given: Json): View {
  const view = storedView(given, workspace, before)
  workspace.setViews(
    userId,
    workspace.viewsOf(userId).map((open) => (open.id === before.id ? view : open)),
  )
  return view
}

export const viewMethods: Readonly<Record<string, Method>> = {
  'views.open': {
    tier: 4,
    run(args, { workspace, triggers }) {
      const given = checkedView(jsonArg(args, 'view', 'invalid_arguments'), 'modal')
      const userId = triggers.redeem(requiredArg(args, 'trigger_id', 'invalid_trigger_id'))
      const view = storedView(given, workspace)
      workspace.setViews(userId, [view])
      return { view }
    },
  },
  'views.push': {
    tier: 4,
    run(args, { workspace, triggers }) {
      const given = checkedView(jsonArg(args, 'view', 'invalid_arguments'), 'modal')
      const userId = triggers.redeem(requiredArg(args, 'trigger_id', 'invalid_trigger_id'))
      return { view: pushView(workspace, userId, given) }
    },
  },
  'views.update': {
    tier: 4,
    run(args, { workspace }) {
      const given = jsonArg(args, 'view', 'invalid_arguments')
      const viewId = textArg(args, 'view_id')
      const externalId = textArg(args, 'external_id')
      const found = openView(workspace, viewId, externalId)
      if (found === undefined) throw new SlackRefusal('not_found')
      const hash = textArg(args, 'hash')
      if (hash !== undefined && hash !== found.view.hash) throw new SlackRefusal('hash_conflict')
      const checked = checkedView(given, found.view.type)
      return { view: replaceView(workspace, found.userId, found.view, checked) }
    },
  },
  'views.publish': {
    tier: 4,
    run(args, { workspace }) {
      const userId = requiredArg(args, 'user_id')
      if (!workspace.users.has(userId)) throw new SlackRefusal('invalid_arguments')
      const checked = checkedView(jsonArg(args, 'view', 'invalid_arguments'), 'home')
      const before = workspace.homes.get(userId)
      const hash = textArg(args, 'hash')
      if (hash !== undefined && before !== undefined && hash !== before.hash) throw new SlackRefusal('hash_conflict')
      const view = storedView(checked, workspace, before)
      workspace.publishHome(userId, view)
      return { view }
    },
  },
  'blocks.validate': { tier: 'special', run: (args) => validated(args) },
}

function openView(
  workspace: Workspace,
  viewId: string | undefined,
  externalId: string | undefined,
): { userId: string; view: View } | undefined {
  for (const userId of workspace.users.keys()) {
    const view = workspace
      .viewsOf(userId)
      .find((open) => (viewId === undefined ? open.external_id === externalId : open.id === viewId))
    if (view !== undefined && (viewId ?? externalId) !== undefined) return { userId, view }
  }
  return undefined
}

/** https://docs.slack.dev/reference/methods/blocks.validate */
function validated(args: Json): Json {
  const blocks = jsonArg(args, 'blocks', 'invalid_blocks')
  const view = jsonArg(args, 'view', 'invalid_view')
  const message = jsonArg(args, 'message', 'invalid_message') as Json | undefined
  if ([blocks, view, message].filter((given) => given !== undefined).length !== 1) {
    throw new SlackRefusal('invalid_arguments')
  }
  if (view !== undefined) {
    report('invalid_view', validateView(view))
    return {}
  }
  const verdict = validateMessageBlocks(message === undefined ? blocks : (message.blocks ?? []))
  if (!verdict.ok) {
    const error = message === undefined ? 'invalid_blocks' : 'invalid_message'
    report(error, verdict.problems)
    throw new SlackRefusal(error, { errors: [{ code: 'failed_constraint', message: verdict.error, pointer: '' }] })
  }
  return {}
}

function report(error: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return
  throw new SlackRefusal(error, {
    errors: problems.map((problem) => ({ code: 'failed_constraint', ...problem })),
  })
}
