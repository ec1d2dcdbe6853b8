import type { ReactNode } from 'react'
import { Chart } from './chart.tsx'
import { Interactive, Picture } from './elements.tsx'
import { InputBlock } from './fields.tsx'
import { FromLibrary } from './library.tsx'
import type { Block } from './parts.ts'
import { LoneTask, Plan } from './plan.tsx'
import { Table } from './table.tsx'
import { Words } from './text.tsx'

type Draw = (props: { readonly block: Block }) => ReactNode

/** Blocks in order. What people press or fill in, and what the library draws badly, is drawn here; the rest is its. */
export function Blocks({ blocks }: { readonly blocks: readonly Block[] }): ReactNode {
  return blocks.map((block, index) => {
    const Drawn = Object.hasOwn(drawers, block.type) ? drawers[block.type] : undefined
    const key = block.block_id ?? index
    if (Drawn !== undefined) return <Drawn key={key} block={block} />
    return <FromLibrary key={key} block={block} />
  })
}

const drawers: Readonly<Record<string, Draw>> = {
  header: Header,
  section: Section,
  context: Context,
  actions: Actions,
  context_actions: Actions,
  divider: () => <hr />,
  image: Image,
  plan: Plan,
  task_card: LoneTask,
  table: Table,
  data_table: Table,
  data_visualization: Chart,
  card: Card,
  carousel: ({ block }) => (
    <div className="carousel">
      {block.elements?.map((card, index) => (
        <Card key={index} block={card} />
      ))}
    </div>
  ),
  container: Container,
  input: InputBlock,
}

function Header({ block }: { readonly block: Block }): ReactNode {
  const level = block.level ?? 1
  const Tag = (['h2', 'h3', 'h4', 'h5'] as const)[level - 1] ?? 'h2'
  return (
    <Tag className="header">
      <Words text={block.text} />
    </Tag>
  )
}

function Section({ block }: { readonly block: Block }): ReactNode {
  return (
    <div className="section">
      <div className="section-body">
        {block.text !== undefined && (
          <div className="text">
            <Words text={block.text} />
          </div>
        )}
        {block.fields !== undefined && (
          <div className="fields">
            {block.fields.map((field, index) => (
              <div key={index} className="text">
                <Words text={field} />
              </div>
            ))}
          </div>
        )}
      </div>
      {block.accessory !== undefined && (
        <div className="accessory">
          <Interactive element={block.accessory} blockId={block.block_id} />
        </div>
      )}
    </div>
  )
}

function Context({ block }: { readonly block: Block }): ReactNode {
  return (
    <div className="context">
      {block.elements?.map((part, index) =>
        part.type === 'image' ? (
          <Picture key={index} image={part} />
        ) : (
          <span key={index} className="text">
            <Words text={part as unknown as { type: 'mrkdwn'; text: string }} />
          </span>
        ),
      )}
    </div>
  )
}

function Actions({ block }: { readonly block: Block }): ReactNode {
  return (
    <div className="actions">
      {block.elements?.map((element, index) => (
        <Interactive key={element.action_id ?? index} element={element} blockId={block.block_id} />
      ))}
    </div>
  )
}

function Image({ block }: { readonly block: Block }): ReactNode {
  return (
    <figure>
      {block.title !== undefined && (
        <figcaption>
          <Words text={block.title} />
        </figcaption>
      )}
      <Picture image={block} />
    </figure>
  )
}

function Card({ block }: { readonly block: Block }): ReactNode {
  return (
    <div className="card">
      {block.hero_image !== undefined && <Picture image={block.hero_image} />}
      {block.title !== undefined && (
        <strong>
          <Words text={block.title} />
        </strong>
      )}
      {[block.subtitle, block.body, block.subtext].map(
        (part, index) =>
          part !== undefined && (
            <div key={index} className={index === 1 ? 'text' : 'text muted'}>
              <Words text={part} />
            </div>
          ),
      )}
      {block.actions !== undefined && (
        <div className="actions">
          {block.actions.map((element, index) => (
            <Interactive key={element.action_id ?? index} element={element} blockId={block.block_id} />
          ))}
        </div>
      )}
    </div>
  )
}

function Container({ block }: { readonly block: Block }): ReactNode {
  return (
    <details className="container" open={block.default_collapsed !== true}>
      <summary>
        {block.rich_text_title === undefined ? (
          <Words text={block.title} />
        ) : (
          <FromLibrary block={block.rich_text_title} />
        )}
        {block.subtitle !== undefined && (
          <span className="muted">
            {' '}
            <Words text={block.subtitle} />
          </span>
        )}
      </summary>
      <Blocks blocks={block.child_blocks ?? []} />
    </details>
  )
}
