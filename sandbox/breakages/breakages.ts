import type { World } from '../world.ts'
import * as cronjob from './cronjob.ts'
import * as gracePeriod from './grace-period.ts'
import type { Mend } from './hands.ts'
import * as webhook from './webhook.ts'

interface Breakage {
  readonly about: string
  /** The command that finds it. */
  readonly diagnosis: string
  readonly break: (world: World) => Promise<Mend>
}

/** Ways in which the world can really be broken, by the name that `break` takes. */
export const breakages: Readonly<Record<string, Breakage>> = {
  'wrong-secret': {
    about: "the Secret holds another endpoint's signing secret",
    diagnosis: 'diagnose webhook',
    break: webhook.wrongSecret,
  },
  'disabled-endpoint': {
    about: 'the Stripe endpoint is disabled',
    diagnosis: 'diagnose webhook',
    break: webhook.disabledEndpoint,
  },
  'missed-events': {
    about: 'the Stripe endpoint was disabled for a while',
    diagnosis: 'diagnose webhook',
    break: webhook.missedEvents,
  },
  'unreachable-url': {
    about: 'the public address takes no connections',
    diagnosis: 'diagnose webhook',
    break: webhook.unreachableUrl,
  },
  'clock-skew': {
    about: "the pods' clock is eleven minutes late",
    diagnosis: 'diagnose webhook',
    break: webhook.clockSkew,
  },
  'dead-letters': {
    about: 'events come that cannot be applied',
    diagnosis: 'diagnose webhook',
    break: webhook.deadLetters,
  },
  'suspended-cronjob': {
    about: 'CronJob webhook-retry is suspended',
    diagnosis: 'diagnose cronjob',
    break: cronjob.suspended,
  },
  'bad-schedule': {
    about: 'the schedule of CronJob webhook-retry never comes',
    diagnosis: 'diagnose cronjob',
    break: cronjob.badSchedule,
  },
  'failing-job': {
    about: 'the Jobs of CronJob webhook-retry fail',
    diagnosis: 'diagnose cronjob',
    break: cronjob.failingJob,
  },
  'image-pull': {
    about: 'the image of CronJob webhook-retry cannot be pulled',
    diagnosis: 'diagnose cronjob',
    break: cronjob.imagePull,
  },
  'resumed-by-hand': {
    about: 'CronJob webhook-retry was suspended and resumed with kubectl patch',
    diagnosis: 'deploy v1.2.0',
    break: cronjob.resumedByHand,
  },
  'running-job': {
    about: 'somebody has started a Job of CronJob webhook-retry, and it runs on',
    diagnosis: 'deploy v1.2.0',
    break: cronjob.runningJob,
  },
  'missing-table': {
    about: 'table grace_periods is gone',
    diagnosis: 'diagnose grace-period',
    break: gracePeriod.missingTable,
  },
  'rls-without-policy': {
    about: 'row-level security without a policy, and a role that it holds',
    diagnosis: 'diagnose grace-period',
    break: gracePeriod.withoutPolicy,
  },
  'unloaded-middleware': {
    about: 'the pods run without their plan enforcement',
    diagnosis: 'diagnose grace-period',
    break: gracePeriod.withoutMiddleware,
  },
}

const broken = new WeakMap<World, Map<string, Mend>>()

/** Raises when the name is unknown, or when it is broken already. */
export async function breakWorld(world: World, name: string): Promise<void> {
  const breakage = breakages[name]
  if (breakage === undefined)
    throw new Error(`there is nothing to break by the name of ${name}: ${Object.keys(breakages).join(', ')}`)
  const open = broken.get(world) ?? new Map<string, Mend>()
  broken.set(world, open)
  if (open.has(name)) throw new Error(`${name} is broken already`)
  open.set(name, await breakage.break(world))
}

/** Mends one thing, or everything that was broken, newest first. */
export async function mendWorld(world: World, name?: string): Promise<void> {
  const open = broken.get(world) ?? new Map<string, Mend>()
  if (name !== undefined && !open.has(name)) throw new Error(`${name} is not broken`)
  for (const one of name === undefined ? [...open.keys()].toReversed() : [name]) {
    const mend = open.get(one)
    open.delete(one)
    await mend?.()
  }
}
