export * from './graph.ts';
export * from './layers.ts';
export * from './operators.ts';
