import { refusedBefore } from './refusals.ts'
import type { Scene } from './scene.ts'
import { healthy, hour, minute } from './shared.ts'
import { lackingKeys } from './stage.ts'

export const noEventLost: readonly Scene[] = [
  {
    ...healthy('A1', 'Nothing is wrong, and the version that runs is deployed again'),
    group: 'A',
    prepare: async (stage) => void (await stage.makes(6)),
    beforeApproval: async (stage) => void (await stage.makes(3)),
    acts: ['deploy', 'verify', 'diagnose'],
    events: { made: 9, missing: 0 },
  },
  {
    ...healthy('A2', 'The signing secret is replaced while events come, by a service that takes two'),
    group: 'A',
    typed: 'deploy v1.2.0 --rotate-secret',
    beforeApproval: async (stage) => stage.stripe.setTraffic(250),
    before: { verify: async (stage) => stage.stripe.setTraffic(0) },
    acts: ['deploy', 'verify', 'diagnose'],
    plan: { says: ['is replaced as asked: new endpoint alongside it, pods accept both secrets during the rollout'] },
    deploy: {
      says: ['7 of 7 success criteria are met', 'none undelivered since the deploy began'],
      never: ['not taken'],
    },
    events: { made: 'traffic', missing: 0 },
  },
  {
    ...healthy('A3', 'The signing secret is replaced while events come, by a service that takes one'),
    group: 'A',
    configuration: { 'service.stripe.secret.acceptsList': false },
    typed: 'deploy v1.2.0 --rotate-secret',
    beforeApproval: async (stage) => stage.stripe.setTraffic(250),
    before: { verify: async (stage) => stage.stripe.setTraffic(0) },
    acts: ['deploy', 'verify', 'diagnose'],
    plan: {
      says: ['is replaced as asked: new endpoint alongside it, Stripe retries refused events during the rollout'],
    },
    deploy: { says: ['Succeeded in'], never: ['not taken'] },
    events: { made: 'traffic', missing: 0 },
  },
  {
    ...healthy('A4', 'Somebody wrote a wrong secret two hours ago, and 24 events were refused since'),
    group: 'A',
    prepare: async (stage) => {
      await stage.makes(2)
      await stage.writesSecret('whsec_pasted_from_an_old_note')
      await stage.makes(24)
      await stage.age(2 * hour)
    },
    acts: ['diagnose', 'deploy', 'verify'],
    plan: {
      says: ["doesn't hold the signing secret of we_…", 'still owes 24 events, not processed since', 'kubectl-edit'],
    },
    deploy: { says: ['24 of 24 events processed', 'none undelivered since the deploy began'], never: ['not taken'] },
    diagnose: {
      says: ["The Secret doesn't hold the secret with which the endpoint was made."],
      never: ['The service takes events now'],
    },
    events: { made: 26, missing: 0 },
  },
  {
    ...healthy('A5', 'Five events were refused five hours ago, and the secret is replaced today'),
    group: 'A',
    typed: 'deploy v1.2.0 --rotate-secret',
    prepare: async (stage) => void (await refusedBefore(stage, 5, 5 * hour)),
    acts: ['verify', 'deploy', 'diagnose'],
    plan: { says: ['still owes 5 events, not processed since', 'They are sent again before we_… is disabled'] },
    deploy: { says: ['5 of 5 events processed'], never: ['not taken'] },
    events: { made: 7, missing: 0 },
  },
  {
    ...healthy('A6', 'The service wants another API version, and three events were refused in the former one'),
    group: 'A',
    configuration: { 'service.stripe.apiVersion': '2026-09-30.endive' },
    prepare: async (stage) => void (await refusedBefore(stage, 3, 3 * hour)),
    acts: ['deploy', 'verify', 'diagnose'],
    plan: {
      says: [
        'is replaced for its API version',
        'still owes 3 events',
        'default API version 2020-08-27, and the endpoint gets 2026-09-30.endive',
      ],
    },
    deploy: { says: ['3 of 3 events processed'], never: ['held back', 'not taken'] },
    events: { made: 5, missing: 0 },
  },
  {
    ...healthy('A7', 'The account is old, and the key may not have Stripe send an event again'),
    group: 'A',
    environment: { STRIPE_SECRET_KEY: lackingKeys.resending.key },
    typed: 'deploy v1.2.0 --dry-run',
    prepare: async (stage) => void (await refusedBefore(stage, 3, 40 * minute)),
    acts: ['deploy', 'diagnose', 'send again', 'verify'],
    plan: { says: ["The key lacks Events: Write. Missed events can't be sent again."] },
    deploy: { notReached: 'a dry run' },
    monitor: { notReached: 'a dry run' },
    verify: { says: ['3 of # missing'] },
    diagnose: {
      says: [
        "3 deliveries of Stripe's failed and none arrived since",
        'Have Stripe send them again',
        "3 held back: Stripe doesn't send them again",
      ],
    },
    events: { made: 5, missing: 3 },
  },
]
