-- The ends in a usual request: runs that succeeded. See claim/plain.lua.

local plain = {}

do
  local prefix, call, direct = arg.prefix, redis.call, redis.direct
  local match, find, sub, concat = string.match, string.find, string.sub, table.concat
  -- What is near is found soon: a function that uses a name of far above costs more to make than most of what it does.
  local key, arg, list, values, now, fused, int = key, arg, list, ARGV, now, fused, int

  -- Whether any of these are of jobs.
  function plain.are_of_jobs(runs) return find(concat(runs, ' '), '@', 1, true) end

  local shared = {} -- what stands behind the token in `active` -> what it says: the same of all runs of one claim

  local function read_shared(text)
    local attempt, started, task = match(text, '^ (%S+) (%S+) %S+ (%S+)$')
    if not attempt then return nil end
    local found = { attempt = attempt, started = started, task = task }
    shared[text] = found
    return found
  end

  -- Runs that have succeeded, if all that is reported is that, and all are held by this node: `held`, what is known of each; of jobs' runs `job_of` and
  -- `time_of`; `jobs` and `of_jobs`, these jobs and their runs. Nil: there is something else.
  function plain.read_outcomes()
    local done = list.done
    local runs, held, seen, job_of, time_of, jobs, of_jobs = {}, {}, {}, {}, {}, {}, {}
    local found = { runs = runs, held = held, has = seen, job_of = job_of, time_of = time_of, jobs = jobs, of_jobs = of_jobs }
    if list.completions.count > 0 then return nil end
    if done.count == 0 then return found end
    local at = done.first
    for i = 1, done.count do
      local run = values[at]
      if seen[run] then return nil end
      seen[run] = true
      runs[i] = run
      at = at + 3
    end
    local texts = call('HMGET', key.active, unpack(runs))
    at = done.first + 1
    local last, of_any_job = nil, plain.are_of_jobs(runs)
    for i = 1, #runs do
      local text, token = texts[i], values[at]
      if not text or find(text, token, 1, true) ~= 1 then return nil end
      if not last or find(text, last, #token + 1, true) ~= #token + 1 or #text ~= #token + #last then last = sub(text, #token + 1) end
      local claim = shared[last] or read_shared(last)
      if not claim then return nil end
      held[i] = claim
      if of_any_job then
        local run = runs[i]
        local job, time = match(run, '^([^@]+)@(.+)$')
        if job then
          job_of[i], time_of[i] = job, time
          jobs[#jobs + 1] = job
          of_jobs[#jobs] = run
        end
      end
      at = at + 3
    end
    return found
  end

  -- Whether what is said of a job's running run, `<run> <started>`, is of that one.
  local function is_of(holder, run) return find(holder, run, 1, true) == 1 and string.byte(holder, #run + 1) == 32 end

  -- The entries of what has ended, and what it held goes. `again`: jobs of which another run starts in this step.
  function plain.record_outcomes(ended, again)
    local runs, jobs, of_jobs = ended.runs, ended.jobs, ended.of_jobs
    if #runs == 0 then return end
    local tail, locks, claims = ' ' .. arg.node .. ' ', {}, {}
    local own = #jobs > 0 and {} or runs
    local finished, kept = ' ' .. int(now) .. ' s ', retention(nil, arg.history_max)
    local at, held_of, job_of = list.done.first, ended.held, ended.job_of
    for i = 1, #runs do
      local run, token, detail, result, held, job = runs[i], values[at + 1], values[at + 2], results[i] or '', held_of[i], job_of[i]
      at = at + 3
      if not held.times then
        held.times, held.told, held.count = ' ' .. held.started .. finished .. held.attempt .. ' ', {}, 0
        held.lock_ends = '#' .. held.attempt
        claims[#claims + 1] = held
      end
      local told, count = held.told, held.count
      told[count + 1], told[count + 2] = run, token
      held.count = count + 2
      if not job then
        if not held.before then held.before, held.ends = held.started .. held.times, ends_of_task(held.task) end
        if own ~= runs then own[#own + 1] = run end
        keep_of_task(held.ends, held.task, held.before .. token .. tail .. detail, run, result)
      else
        local before = ended.time_of[i] .. held.times
        keep_of_job(job, before .. token .. tail .. detail, run, result, kept, now)
      end
      if fused then locks[i] = prefix .. 'lock:' .. run .. held.lock_ends end
    end
    for _, held in ipairs(claims) do
      tell_many('ends' .. tail .. held.started .. ' ' .. int(now) .. ' ' .. held.attempt .. ' ', held.told, 2)
    end
    if #own > 0 then call('HDEL', key.runs, unpack(own)) end
    if #jobs > 0 then
      local over = {}
      for i, holder in ipairs(call('HMGET', key.running, unpack(jobs))) do
        if holder and not again[jobs[i]] and is_of(holder, of_jobs[i]) then over[#over + 1] = jobs[i] end
      end
      if #over > 0 then call('HDEL', key.running, unpack(over)) end
    end
    call('HDEL', key.active, unpack(runs))
    if fused then direct('DEL', unpack(locks)) end
  end
end
