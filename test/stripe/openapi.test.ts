import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv, type ValidateFunction } from 'ajv'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startStripe, type StripeSimulator } from '../../sandbox/stripe/server.ts'

/** Stripe's own description of its API (`spec3.json`), where there is one. */
const candidates = [
  process.env['STRIPE_OPENAPI'],
  fileURLToPath(new URL('../../../shared/stripe-openapi.json', import.meta.url)),
]
const file = candidates.find((path) => path !== undefined && existsSync(path))

type Schema = Readonly<Record<string, unknown>>

/** OpenAPI 3.0 says `nullable`, JSON Schema a union with null. */
function asJsonSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(asJsonSchema)
  if (typeof schema !== 'object' || schema === null) return schema
  const { nullable, ...rest } = schema as Schema
  const inner = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, asJsonSchema(value)]))
  return nullable === true ? { anyOf: [inner, { type: 'null' }] } : inner
}

/** `GET /v1/events` 200 → a check of its answer. */
function checksOf(document: Schema): (method: string, path: string, status: number) => ValidateFunction {
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true })
  ajv.addSchema({ $id: 'stripe', components: asJsonSchema(document['components']) })
  return (method, path, status) => {
    const operation = at(document, 'paths', path, method)
    const responses = at(operation, 'responses') as Record<string, unknown>
    const answer = responses[String(status)] ?? responses['default']
    const schema = asJsonSchema(at(answer, 'content', 'application/json', 'schema'))
    return ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"stripe#/')) as object)
  }
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Schema | undefined)?.[key], value)
}

describe.skipIf(file === undefined)(`the simulator answers as Stripe's OpenAPI file says (STRIPE_OPENAPI)`, () => {
  const key = 'sk_test_openapi'
  let simulator: StripeSimulator
  let checkOf: ReturnType<typeof checksOf>
  let endpointId = ''

  beforeAll(async () => {
    checkOf = checksOf(JSON.parse(readFileSync(file ?? '', 'utf8')) as Schema)
    simulator = await startStripe({ secretKey: key })
  })
  afterAll(() => simulator.close())

  async function conforms(method: string, template: string, id = '', form = '', token = key): Promise<Schema> {
    const response = await fetch(`${simulator.url}${template.replace(/\{\w+\}/, id)}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-www-form-urlencoded' },
      ...(method === 'POST' ? { body: form } : {}),
    })
    const answer = (await response.json()) as Schema
    const check = checkOf(method.toLowerCase(), template, response.status)
    expect(check(answer), `${method} ${template} ${response.status}: ${JSON.stringify(check.errors)}`).toBe(true)
    return answer
  }

  it('for endpoints', async () => {
    const form = 'url=https://example.com/hook&enabled_events[0]=invoice.paid&metadata[a]=b'
    endpointId = String((await conforms('POST', '/v1/webhook_endpoints', '', form))['id'])
    await conforms('GET', '/v1/webhook_endpoints')
    await conforms('GET', '/v1/webhook_endpoints/{webhook_endpoint}', endpointId)
    await conforms('POST', '/v1/webhook_endpoints/{webhook_endpoint}', endpointId, 'disabled=true')
    await conforms('DELETE', '/v1/webhook_endpoints/{webhook_endpoint}', endpointId)
  })

  it('for events and the account', async () => {
    const { id } = simulator.emit('invoice.payment_failed')
    await conforms('GET', '/v1/events')
    await conforms('GET', '/v1/events/{id}', id)
    await conforms('GET', '/v1/account')
  })

  it('for what it refuses', async () => {
    await conforms('POST', '/v1/webhook_endpoints', '', 'url=nonsense')
    await conforms('GET', '/v1/events/{id}', 'evt_none')
    await conforms('GET', '/v1/events', '', '', 'sk_test_wrong')
  })
})
