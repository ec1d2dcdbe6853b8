import { type Call, writeOf } from './call.ts'
import { type Deployment, isMap } from './objects.ts'
import { documentOf, send, type Target } from './requests.ts'
import { invalid, invalidValue, modified } from './status.ts'
import type { Writes } from './writes.ts'

/** `autoscaling/v1` Scale; kubectl's PUT comes without a Content-Type. */
export async function serveScale(
  writes: Writes,
  call: Call,
  target: Target,
  deployment: Deployment,
  verb: string,
): Promise<void> {
  if (verb === 'get') return send(call.response, 200, scaleOf(deployment))
  const body = await documentOf(call.request, 'Scale')
  const spec = isMap(body.spec) ? body.spec : {}
  if (typeof spec.replicas === 'number' && spec.replicas < 0)
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, deployment.metadata.name, [
      invalidValue('spec.replicas', spec.replicas, 'must be greater than or equal to 0'),
    ])
  const metadata = isMap(body.metadata) ? body.metadata : {}
  const { resourceVersion } = metadata
  if (resourceVersion !== undefined && resourceVersion !== deployment.metadata.resourceVersion)
    throw modified(target.resource, deployment.metadata.name)
  const patch = JSON.stringify({ spec: { replicas: spec.replicas ?? deployment.spec.replicas } })
  const write = writeOf(call, target)
  const { object } = writes.patch(write, 'application/merge-patch+json', patch)
  return send(call.response, 200, scaleOf(object as Deployment))
}

function scaleOf({ metadata, spec, status }: Deployment): object {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata
  const selector = Object.entries(spec.selector.matchLabels).map(([key, value]) => `${key}=${value}`)
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: spec.replicas === 0 ? {} : { replicas: spec.replicas },
    status: { replicas: status.replicas ?? 0, selector: selector.join(',') },
  }
}
