import { z } from 'zod'
import { type SlackWorkspace, whyNot } from '../adapters/slack/port.ts'
import { whyOutside } from '../model/outsider.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { NotAllowed } from './guards.ts'

/*
 * The one place in which a payload of Slack becomes a caller. What the payload says is a claim: `admit` compares its workspace
 * with the app's own and asks Slack who the person is, before any list of purser.yaml is looked at.
 */

const text = z.string().min(1)

/** Who a payload says acts, and from where. */
export const Claim = z.object({
  user: text,
  channel: z.string(),
  /** The workspaces that it names: of the place, of the person, of the installation that a view belongs to. */
  workspaces: z.array(text).readonly(),
  /** Where it happened; undefined when the payload does not say. */
  workspace: text.optional(),
  enterprise: text.optional(),
})
export type Claim = z.infer<typeof Claim>

const named = z.object({ id: text }).nullish()

const Command = z.object({
  user_id: text,
  channel_id: text,
  team_id: text.nullish(),
  enterprise_id: z.string().nullish(),
})
const Interaction = z.object({
  user: z.object({ id: text, team_id: text.nullish() }),
  team: z.object({ id: text, enterprise_id: z.string().nullish() }).nullish(),
  enterprise: named,
  channel: named,
  view: z.object({ app_installed_team_id: text.nullish() }).nullish(),
})
const Event = z.object({
  team_id: text.nullish(),
  enterprise_id: z.string().nullish(),
  event: z.object({ user: text }),
})

/** The channel is empty where there is none: in dialogs and in App Home. */
export function claimOf(body: unknown): Claim {
  const command = Command.safeParse(body).data
  if (command !== undefined) {
    const { user_id: user, channel_id: channel, team_id: team, enterprise_id: enterprise } = command
    return claim({ user, channel, workspace: team, others: [], enterprise })
  }
  const event = Event.safeParse(body).data
  if (event !== undefined)
    return claim({
      user: event.event.user,
      channel: '',
      workspace: event.team_id,
      others: [],
      enterprise: event.enterprise_id,
    })
  const { user, team, enterprise, channel, view } = Interaction.parse(body)
  return claim({
    user: user.id,
    channel: channel?.id ?? '',
    workspace: team?.id,
    others: [user.team_id, view?.app_installed_team_id],
    enterprise: enterprise?.id ?? team?.enterprise_id,
  })
}

function claim(said: {
  readonly user: string
  readonly channel: string
  readonly workspace: string | null | undefined
  readonly others: readonly (string | null | undefined)[]
  readonly enterprise: string | null | undefined
}): Claim {
  const named = (id: string | null | undefined) => (id === null || id === undefined || id === '' ? undefined : id)
  const workspace = named(said.workspace)
  const workspaces = [workspace, ...said.others.map(named)].filter((id) => id !== undefined)
  const enterprise = named(said.enterprise)
  return {
    user: said.user,
    channel: said.channel,
    workspaces,
    ...(workspace === undefined ? {} : { workspace }),
    ...(enterprise === undefined ? {} : { enterprise }),
  }
}

/** Whoever acts in the workspace of the app, belongs to it, and is no guest and no bot. Raises NotAllowed. */
export async function admit(claimed: Claim, context: CommandContext): Promise<Caller> {
  const own = await told(context, claimed.user, context.directory.workspace)
  if (!isOwn(claimed, own)) throw new NotAllowed({ reason: 'workspace' })
  await admitPerson(claimed.user, context)
  return { user: claimed.user, channel: claimed.channel }
}

/** The same for somebody of whom there is no payload: App Home is drawn anew for a while after it was opened. Raises NotAllowed. */
export async function admitPerson(user: string, context: CommandContext): Promise<void> {
  const { directory } = context
  const own = await told(context, user, directory.workspace)
  const person = await told(context, user, () => directory.person(user))
  const outsider = whyOutside(person, own.team)
  if (outsider !== undefined) throw new NotAllowed({ reason: outsider })
}

/** Nobody is let through unseen. Raises NotAllowed when Slack does not tell. */
async function told<T>({ log }: CommandContext, user: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    log.warn({ err: error, user }, 'asking Slack who somebody is')
    throw new NotAllowed({ reason: 'unseen', why: whyNot(error) })
  }
}

/** With Enterprise Grid, people of other workspaces of the organization may be members: who they are decides then. */
function isOwn({ workspace, workspaces, enterprise }: Claim, own: SlackWorkspace): boolean {
  if (workspace !== own.team) return false
  if (own.enterprise === undefined) return enterprise === undefined && workspaces.every((id) => id === own.team)
  return enterprise === undefined || enterprise === own.enterprise
}
