"""The defaults of the frameworks, told from stored numbers."""

import numpy as np
import pytest
from onnx import numpy_helper

from archlint.analysis.initialization.framework_default import framework_default, is_untouched
from archlint.analysis.initialization.measured import measured
from archlint.ops.fan import Fan
from archlint.sources.statistics import tensor_statistics


@pytest.mark.parametrize("fan", [Fan(0, 4), Fan(4, 0), Fan(0, 0), Fan(0, 4, 9, 4, transposed=True)])
def test_a_sum_over_nothing_has_no_default(fan: Fan) -> None:
    drawn = np.random.default_rng(0).uniform(-0.5, 0.5, 64).astype(np.float32)
    found = measured(tensor_statistics(numpy_helper.from_array(drawn)))

    assert found is not None
    assert framework_default(fan, found) == ""
    assert not is_untouched(fan, found)
