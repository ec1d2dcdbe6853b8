import { sameImage } from '../image-name.ts'
import type { ImageBefore } from '../model/effects/image.ts'
import type { Run } from '../model/run.ts'
import { incompatibility, type SchemaRefusal, schemaRefusal } from '../model/schema-compatibility.ts'
import { schemaDoubtWords } from '../model/shared-sentences.ts'
import type { CommandContext } from './command-context.ts'

interface SchemaVerdict {
  /** Why the version cannot run on the schema that stays; undefined when nothing is known against it. */
  readonly forbids?: SchemaRefusal
  /** Why it may fail all the same, in one sentence. */
  readonly doubt?: string
}

/**
 * Tells whether the version that a rollback would bring back can run on the schema that stays. A database that does not answer keeps
 * nobody from rolling back: the run looks once more before it begins.
 */
export async function judgeSchema(
  run: Run,
  { version, image }: Pick<ImageBefore, 'version' | 'image'>,
  context: CommandContext,
): Promise<SchemaVerdict> {
  const facts = await context.schema(run.environment)
  const target = facts?.releases.find((release) =>
    version === null ? sameImage(release.image, image) : release.version === version,
  )
  if (facts === undefined || target === undefined) return {}
  const verdict = incompatibility(target, facts.now)
  const doubt = schemaDoubtWords(target.version, verdict.doubts)
  if (verdict.reasons.length === 0) return doubt === undefined ? {} : { doubt }
  const wanted = { version: target.version, environment: run.environment, except: run.version }
  return { forbids: schemaRefusal(wanted, verdict, facts.now, facts.releases, await context.backups(run.environment)) }
}
