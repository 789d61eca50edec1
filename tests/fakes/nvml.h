/* nvml.h - Say what the fake management library of GPUs answers. */
#ifndef FAKE_NVML_H
#define FAKE_NVML_H

struct fake_nvml {
    int      init, energy;               /* codes; 0: success */
    unsigned n_gpus;
    unsigned long long millijoules[4];   /* of each GPU, since its driver came */
    unsigned long long step;             /* added whenever one is asked for */
    unsigned limit;                      /* mW */
    int      n_open;                     /* nvmlInit less nvmlShutdown */
    double (*joules)(void);              /* of the simulated GPU; NULL: none */
};

#endif
