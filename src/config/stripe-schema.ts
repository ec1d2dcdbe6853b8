import { z } from 'zod'
import { checkFields, objectName, readOnlySql } from './fields.ts'

const stripeFields = z.strictObject({
  secret: z
    .strictObject({
      name: objectName.describe('Name of the Kubernetes Secret.'),
      key: z
        .string()
        .regex(/^[-._a-zA-Z0-9]+$/, 'must be a key of a Kubernetes Secret')
        .describe('Key within it.'),
      acceptsList: z
        .boolean()
        .default(false)
        .describe('Whether the service takes several secrets, comma-separated: then both count during a rotation.'),
      previousKey: z
        .string()
        .regex(/^[-._a-zA-Z0-9]+$/, 'must be a key of a Kubernetes Secret')
        .exactOptional()
        .describe('Key from which the service reads the previous secret beside the new one, during a rotation.'),
    })
    .refine(({ acceptsList, previousKey }) => !acceptsList || previousKey === undefined, {
      path: ['previousKey'],
      error: 'is not needed with acceptsList. Remove one of them',
    })
    .describe("Where the service's pods read the webhook signing secret."),
  apiVersion: z
    .string()
    .regex(/^20\d\d-\d\d-\d\d(\.[a-z]+)?$/, 'must be a Stripe API version, as in 2026-10-28.endive')
    .exactOptional()
    .describe(
      'API version in which the service wants its events. An endpoint of another one is replaced. Default: new endpoints get the one that Purser was built with, existing ones keep theirs.',
    ),
  events: z
    .array(
      z
        .string()
        .regex(
          /^(\*|[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?)$/,
          'must be an event type or a family, as in invoice.paid or invoice.*',
        ),
    )
    .min(1)
    .describe('Event types the endpoint gets. invoice.* means the whole family.'),
  receivedEvents: readOnlySql
    .refine((sql) => sql.includes('{events}'), 'must hold {events}, as in … WHERE event_id IN ({events})')
    .exactOptional()
    .describe(
      'One SELECT whose first column answers which of the events {events} the service has processed. Events that are sent again count as processed when it names them. Without it only Stripe is asked which events were missed.',
    ),
  ignored: z
    .array(
      z
        .string()
        .regex(
          /^[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?$/,
          'must be an event type or a family, as in invoice.created or invoice.*',
        ),
    )
    .default([])
    .describe(
      'Event types of events that the service acknowledges and stores nothing of: they are never missing, and never sent again.',
    ),
  probe: z
    .strictObject({
      type: z
        .string()
        .regex(/^[a-z0-9_]+(\.[a-z0-9_]+)+$/, 'must be an event type, as in product.updated')
        .exactOptional()
        .describe(
          'Type of the test event. For a service that refuses types it does not handle: one that it takes and acts on harmlessly. Default: one that the endpoint does not get.',
        ),
      readsBack: z
        .boolean()
        .default(false)
        .describe(
          'Whether the service reads each event back from Stripe, which does not know the test event. Then a refusal counts as long as another secret gets another answer.',
        ),
    })
    .prefault({})
    .describe('The signed test event that is posted to the webhook URL.'),
  resendStale: z
    .boolean()
    .default(false)
    .describe(
      'Whether a missed event is sent again although the service has a newer one of the same object. false: it is left out and named, as it could take the object back to an earlier state.',
    ),
  resendOtherVersions: z
    .boolean()
    .default(false)
    .describe("Whether missed events are sent again although Stripe keeps them in another API release's shape."),
})

/** `service.stripe`: the webhook endpoint, its events and its signing secret. */
export const stripeSchema = checkFields(stripeFields, ['events', 'ignored'], ({ events, ignored }, problem) => {
  const covers = (pattern: string, name: string) =>
    pattern === name || (pattern.endsWith('*') && name.startsWith(pattern.slice(0, -1)))
  for (const [index, name] of ignored.entries()) {
    if (events.some((pattern) => covers(pattern, name))) continue
    problem(['ignored', index], 'is not among the events of service.stripe.events. Remove it')
  }
})
