import type { IncomingMessage, ServerResponse } from 'node:http'
import { stringify as yamlOf } from 'yaml'
import type { KubeObject } from './objects.ts'
import { contentType, formOf, send, sendText, type Target } from './requests.ts'
import { apiVersionOf, type Resource } from './resources.ts'
import { invalid } from './status.ts'
import { table } from './tables.ts'
import type { WriteRequest } from './writes.ts'

/** One request of a known user. */
export interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly query: URLSearchParams
  readonly user: string
}

/** What is asked of the access rules. */
export const askOf = ({ resource, namespace, name, subresource }: Target, verb: string) => ({
  verb,
  group: resource.group,
  resource: resource.plural,
  subresource,
  namespace,
  name,
})

/** In the form that the client asked for. */
export function sendObject(call: Call, code: number, resource: Resource, object: KubeObject): void {
  const form = formOf(call.request)
  const shaped = { ...shape(resource), ...object }
  if (form === 'yaml')
    return sendText(call.response, code, yamlOf(shaped, { sortMapEntries: true }), 'application/yaml')
  if (form === 'metadata') return send(call.response, code, metadataOnly(object))
  if (form === 'json') return send(call.response, code, shaped)
  const metadata = { resourceVersion: object.metadata.resourceVersion }
  return send(call.response, code, table(resource, [object], metadata))
}

const metadataOnly = ({ metadata }: KubeObject) => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
})

const shape = (resource: Resource) => ({ kind: resource.kind, apiVersion: apiVersionOf(resource) })

export function writeOf(call: Call, target: Target): WriteRequest {
  const { query, request, response } = call
  const agent = (request.headers['user-agent'] ?? 'unknown').split('/')[0] ?? 'unknown'
  const validation = query.get('fieldValidation')
  if (query.has('dryRun') && !isDry(query.get('dryRun')))
    throw invalid({ group: 'meta.k8s.io', kind: 'CreateOptions' }, '', [
      {
        reason: 'FieldValueNotSupported',
        message: `Unsupported value: []string{"${query.get('dryRun')}"}: supported values: "All"`,
        field: 'dryRun',
      },
    ])
  const applying = contentType(request) === 'application/apply-patch+yaml'
  return {
    resource: target.resource,
    namespace: target.namespace,
    name: target.name,
    manager: query.get('fieldManager') ?? (applying ? undefined : agent),
    force: query.get('force') === 'true',
    dryRun: isDry(query.get('dryRun')),
    fieldValidation: validation === 'Strict' || validation === 'Ignore' ? validation : 'Warn',
    warn: (text) => response.appendHeader('warning', `299 - ${JSON.stringify(text)}`),
  }
}

export const isDry = (value: unknown) => value === 'All' || (Array.isArray(value) && value.includes('All'))
