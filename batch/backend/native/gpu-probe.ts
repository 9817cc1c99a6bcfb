import { openTensorFlow } from './load.ts';

/** Prints what the installation in the folder that is named computes on: `gpu` or `cpu`. Run by gpu.ts. */
const { gpu } = await openTensorFlow('gpu', process.argv[2]);
process.stdout.write(gpu ? 'gpu\n' : 'cpu\n');
