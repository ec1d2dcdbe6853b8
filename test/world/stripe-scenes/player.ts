import type { Scene } from './scene.ts'
import type { Run, Theatre } from './stage.ts'

/** What was said in a scene, and what became of its events. */
export interface Played {
  readonly plan?: Run
  readonly deploy?: Run
  readonly verify?: Run
  readonly diagnose?: Run
  /** The events of the service's types, by id. */
  readonly made: readonly string[]
  /** The ids that the service has processed, each as often as it has. */
  readonly processed: readonly string[]
}

/** Everything that was said, for whoever reads what differs from the table. */
export function saidIn({ made: _made, processed: _processed, ...said }: Played): string {
  return Object.entries(said)
    .map(([act, run]) => `── ${act} #${run.number}, ${run.status}\n${run.text}`)
    .join('\n')
}

let looks = 0

/** Plays a scene from its beginning to its end, through Slack. */
export async function played(theatre: Theatre, scene: Scene): Promise<Played> {
  const { configuration = {} } = scene
  await theatre.begin(
    typeof configuration === 'function' ? configuration(theatre) : configuration,
    scene.environment ?? {},
  )
  await scene.prepare?.(theatre)
  const said: Partial<Record<'plan' | 'deploy' | 'verify' | 'diagnose', Run>> = {}
  for (const act of scene.acts) {
    await scene.before?.[act]?.(theatre)
    if (act === 'deploy') {
      const plan = await theatre.types('dana', typedFor(scene, said.plan !== undefined))
      said.plan = plan
      if (plan.status !== 'awaiting_approval') continue
      await scene.beforeApproval?.(theatre)
      const { whileWatched } = scene
      said.deploy = await theatre.approves(plan, whileWatched && (() => whileWatched(theatre)))
      continue
    }
    if (act === 'retry') {
      if (said.deploy !== undefined) said.deploy = await theatre.retries(said.deploy)
      continue
    }
    if (act === 'new state database') {
      await theatre.losesState()
      continue
    }
    // Nobody may look more often than ten times a minute.
    const who = (looks += 1) % 2 === 0 ? 'sam' : 'alex'
    if (act === 'verify') said.verify = await theatre.types(who, 'verify')
    else if (act === 'diagnose') said.diagnose = await theatre.types(who, 'diagnose webhook')
    else {
      const fixed = await theatre.presses('alex', act === 'enable' ? 'fix_enable_endpoint' : 'fix_resend_events')
      // What a diagnosis offers, and what came of it, is told together.
      const { text = '' } = said.diagnose ?? {}
      said.diagnose = { ...fixed, text: `${text}\n${fixed.text}` }
    }
  }
  return { ...said, ...(await counted(theatre)) }
}

/** What is typed for a deploy. */
export function typedFor({ typed = 'deploy v1.2.0', typedAgain = typed }: Scene, again: boolean): string {
  return again ? typedAgain : typed
}

/** Counts the events of the account one by one in the service's own tables. */
async function counted({ stripe, world }: Theatre): Promise<Pick<Played, 'made' | 'processed'>> {
  const made = stripe.events().filter(({ type }) => /^(invoice|customer\.subscription|charge)\./.test(type))
  const rows = await world.service(
    `select event_id from billing_audit_log where event_id in (select event_id from webhook_events where processed)`,
  )
  return { made: made.map(({ id }) => id), processed: rows.map((row) => String(row['event_id'])) }
}
