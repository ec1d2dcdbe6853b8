import type { ReactNode } from 'react'
import { FromLibrary } from './library.tsx'
import type { Block, Cell } from './parts.ts'
import { plain } from './text.tsx'

/** A table with its first row as head. Where there is no room for it, it scrolls inside its box, as Slack's tables do. */
export function Table({ block }: { readonly block: Block }): ReactNode {
  const [head = [], ...rows] = block.rows ?? []
  const align = (column: number) => block.column_settings?.[column]?.align ?? 'left'
  const kind = (column: number) => (block.column_settings?.[column]?.is_wrapped === true ? 'wrapped' : undefined)
  return (
    <figure className="table">
      {block.caption !== undefined && <figcaption>{block.caption}</figcaption>}
      <div className="table-room" role="group" aria-label={block.caption ?? 'Table'} tabIndex={0}>
        <table aria-label={block.caption}>
          <thead>
            <tr>
              {head.map((cell, column) => (
                <th key={column} scope="col" className={kind(column)} style={{ textAlign: align(column) }}>
                  <CellContent cell={cell} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((cells, row) => (
              <tr key={row}>
                {cells.map((cell, column) => (
                  <td key={column} className={kind(column)} style={{ textAlign: align(column) }}>
                    <CellContent cell={cell} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  )
}

function CellContent({ cell }: { readonly cell: Cell }): ReactNode {
  if (cell.type === 'rich_text') return <FromLibrary block={cell as unknown as Block} />
  return plain(cell.text ?? String(cell.value ?? ''))
}
