/** How many columns and rows make the tiles largest. Pure. */

export interface Grid {
  readonly columns: number;
  readonly rows: number;
  readonly width: number;
  readonly height: number;
  /** How many tiles are on one page. */
  readonly capacity: number;
}

export interface GridInput {
  readonly count: number;
  readonly width: number;
  readonly height: number;
  readonly gap: number;
  /** Width by height of a tile; faces need no more than this. */
  readonly aspect: number;
  /** Narrower tiles than this are not worth showing: the rest goes on another page. */
  readonly minWidth: number;
  readonly maxPerPage: number;
}

/** The best grid for `count` tiles; with a `capacity` below `count` when they do not all fit. */
export function packGrid(input: GridInput): Grid {
  let capacity = Math.max(1, Math.min(input.count, input.maxPerPage));
  let grid = best(input, capacity);
  while (grid.width < input.minWidth && capacity > 1) {
    capacity -= 1;
    grid = best(input, capacity);
  }
  return { ...grid, capacity };
}

function best({ width, height, gap, aspect }: GridInput, count: number): Omit<Grid, 'capacity'> {
  let found = { columns: 1, rows: count, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const fitWidth = (width - gap * (columns - 1)) / columns;
    const fitHeight = (height - gap * (rows - 1)) / rows;
    const tileWidth = Math.floor(Math.max(0, Math.min(fitWidth, fitHeight * aspect)));
    if (tileWidth > found.width) found = { columns, rows, width: tileWidth, height: Math.floor(tileWidth / aspect) };
  }
  return found;
}

/** Wide stages get wide tiles, upright ones (a phone) nearly square ones, so that two people fill the screen. */
export function aspectFor(width: number, height: number, count: number): number {
  if (width >= height) return 16 / 9;
  return count <= 2 ? Math.max(3 / 4, Math.min(4 / 3, (width / height) * count)) : 1;
}
