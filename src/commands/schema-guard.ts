import { sameImage } from '../image-name.ts'
import type { ImageBefore } from '../model/effects/image.ts'
import type { Run } from '../model/run.ts'
import { incompatibility, type SchemaRefusal, schemaRefusal } from '../model/schema-compatibility.ts'
import type { CommandContext } from './command-context.ts'

/**
 * Tells why the version that a rollback would bring back cannot run on the schema that stays; undefined when nothing is
 * known against it. A database that does not answer keeps nobody from rolling back: the run looks once more before it
 * begins.
 */
export async function whySchemaForbids(
  run: Run,
  { version, image }: Pick<ImageBefore, 'version' | 'image'>,
  context: CommandContext,
): Promise<SchemaRefusal | undefined> {
  const facts = await context.schema(run.environment)
  if (facts === undefined) return undefined
  const target = facts.releases.find((release) =>
    version === null ? sameImage(release.image, image) : release.version === version,
  )
  if (target === undefined) return undefined
  const verdict = incompatibility(target, facts.now)
  if (verdict.reasons.length === 0) return undefined
  const wanted = { version: target.version, environment: run.environment, except: run.version }
  return schemaRefusal(wanted, verdict, facts.now, facts.releases, await context.backups(run.environment))
}
